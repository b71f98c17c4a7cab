// `temper prepare`: what an exporter did undone, and a model made ready to be fine-tuned, by edits
// of the file at its own opset. What no edit touches stays as it is.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "graph/onnx/surgery/dynamic_axis.h"
#include "graph/onnx/surgery/dynamic_batch.h"
#include "graph/onnx/surgery/head.h"
#include "graph/onnx/surgery/insert_dropout.h"
#include "graph/onnx/surgery/lora.h"

namespace temper::graph {

// The edits that are wanted. They are done in the order of the fields, so that each finds what it
// needs: names before patterns, what was folded before what is added, the head before adapters.
struct PrepareOptions {
  bool inference = false;  // inference_form.h
  bool lift_constants = false;
  bool untie = false;
  NameTest untie_match;  // none: nothing beside accidents
  bool tie = false;
  NameTest tie_match;  // none: nothing beside what embeddings are meant to share
  bool readable_names = false;
  bool strip_activation = false;
  bool restore_bias = false;
  bool restore_batchnorm = false;
  bool dynamic_batch = false;
  std::vector<DynamicAxis> dynamic_axes;
  std::vector<std::pair<std::string, std::int64_t>> padding_rows;  // weight, row
  std::optional<HeadOptions> head;
  std::optional<DropoutOptions> dropout;
  std::optional<LoraLoad> lora_load;
  bool extract_lora = false;  // as the file has them, before merging
  bool merge_lora = false;
  std::optional<LoraOptions> lora;

  NameTest match;      // of restore_bias and restore_batchnorm; none: as they say
  std::string output;  // of strip_activation; empty: the first
};

struct Prepared {
  std::vector<std::string> notes;     // a line per edit: what was done
  std::vector<LoraAdapter> adapters;  // of extract_lora
};

// Writes the changed model to `path` as export_model() does. Nothing is written when an edit is
// refused. THROWS: as the edits.
Prepared prepare_model(const OnnxModel& model, const PrepareOptions& options, const Trial& trial,
                       const std::string& path);

}  // namespace temper::graph
