#include "graph/onnx/surgery/prepare.h"

#include "graph/onnx/surgery/freeze_row.h"
#include "graph/onnx/surgery/inference.h"
#include "graph/onnx/surgery/lift_constants.h"
#include "graph/onnx/surgery/readable_names.h"
#include "graph/onnx/surgery/restore_batchnorm.h"
#include "graph/onnx/surgery/restore_bias.h"
#include "graph/onnx/surgery/strip_activation.h"
#include "graph/onnx/surgery/tie.h"
#include "graph/onnx/surgery/untie.h"

namespace temper::graph {
namespace {

void undo_the_exporter(ModelEdit& edit, const PrepareOptions& options, const Trial& trial) {
  if (options.inference) {
    bring_to_inference(edit);
  }
  if (options.lift_constants) {
    lift_constants(edit);
  }
  if (options.untie || options.untie_match) {
    untie(edit, options.untie, options.untie_match);
  }
  if (options.tie || options.tie_match) {
    tie(edit, options.tie, options.tie_match);
  }
  if (options.readable_names) {
    give_readable_names(edit);
  }
  if (options.strip_activation) {
    strip_activation(edit, options.output);
  }
  if (options.restore_bias) {
    restore_bias(edit, options.match);
  }
  if (options.restore_batchnorm) {
    restore_batchnorm(edit, options.match);
  }
  if (options.dynamic_batch) {
    make_batch_dynamic(edit, trial);
  }
  if (!options.dynamic_axes.empty()) {
    make_axes_dynamic(edit, options.dynamic_axes, trial);
  }
}

}  // namespace

Prepared prepare_model(const OnnxModel& model, const PrepareOptions& options, const Trial& trial,
                       const std::string& path) {
  ModelEdit edit(model);
  Prepared done;
  undo_the_exporter(edit, options, trial);
  for (const auto& [weight, row] : options.padding_rows) {
    freeze_row(edit, weight, row);
  }
  if (options.head) {
    replace_head(edit, *options.head);
  }
  if (options.dropout) {
    insert_dropout(edit, *options.dropout);
  }
  if (options.lora_load) {
    load_lora(edit, *options.lora_load);
  }
  if (options.extract_lora) {
    done.adapters = lora_adapters(edit);
  }
  if (options.merge_lora) {
    merge_lora(edit);
  }
  if (options.lora) {
    add_lora(edit, *options.lora);
  }
  edit.write(path);
  done.notes = edit.notes();
  return done;
}

}  // namespace temper::graph
