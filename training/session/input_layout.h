// Where the samples of a batch lie in a model's inputs: as the recipe says, as the file's names of
// dimensions say, or as the operators take them. Then the graph's inputs are brought to one form,
// the samples first.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "graph/ir/graph.h"
#include "graph/onnx/import.h"
#include "runtime/backend/backend.h"
#include "training/settings/model_settings.h"

namespace temper::training {

struct InputPlace {
  enum class Kind {
    kAxis,    // along dimension `axis`
    kSample,  // nowhere: the model takes one sample at a time, and this is all of it
    kShared,  // nowhere: all samples share it
  };
  std::string name;
  Kind kind = Kind::kAxis;
  int axis = 0;
  bool is_state = false;  // a recurrent operator begins with it: zeros where nothing gives it
  bool has_value = false;
  std::string carry;  // the output that the next batch begins with; empty: it is not carried
  std::string dims;   // "[2,batch,128]", as the file declares it
  std::string why;
};

struct InputLayout {
  std::vector<InputPlace> places;  // in the order of the file
  bool one_sample = false;         // batches are of one sample

  const InputPlace* find(std::string_view name) const;
};

// `outputs`: as the file declares them. THROWS: kInvalidArgument for settings that do not fit the
// inputs.
InputLayout find_input_layout(const graph::Graph& graph,
                              const std::vector<graph::OnnxValueInfo>& outputs,
                              const ModelSettings& settings, const Backend& reference);

// Brings the inputs to the form with the samples first; those with a value become constants, those
// that are carried get the role PortRole::kCarriedState.
// THROWS: kInvalidArgument for values that do not fit.
void arrange_inputs(graph::Graph& graph, const InputLayout& layout, const ModelSettings& settings);

// What an input, arranged, that is carried begins with: the value of the recipe, else zeros, as
// broadcast to one sample.
Tensor initial_state(const graph::Graph& graph, graph::ValueId input,
                     const ModelSettings& settings);

// Sizes to try of dimensions that only data know: of pictures and texts, then of sound.
inline constexpr std::int64_t kTrialSizes[] = {64, 576, 16000};

// Every open dimension of an arranged graph's inputs but the samples' gets what `symbols` say of
// its name ("?" without one), else `others`.
void give_sizes(graph::Graph& graph, const std::map<std::string, std::int64_t>& symbols,
                std::int64_t others);

// The input, arranged, becomes zeros.
void give_zeros(graph::Graph& graph, graph::ValueId input);

// "state, batch at axis 1 (feeds the state of LSTM 'LSTM_0')".
std::string describe(const InputPlace& place);

}  // namespace temper::training
