#include "training/analysis/pruning.h"

#include "graph/onnx/deploy/file_metadata.h"
#include "training/analysis/calibration_data.h"
#include "training/session/model_metadata.h"

namespace temper::training {

Pruning prune_model(const std::string& model_path, const std::string& out,
                    const PruningOptions& options) {
  const graph::OnnxModel model = graph::OnnxModel::load(model_path);
  graph::ModelEdit edit(model);
  Pruning done;
  done.layers = graph::prune(edit, options.prune);
  for (const auto& [key, value] : model.metadata()) {
    if (is_measure(key)) {
      graph::set_metadata(edit, key, "");
    }
  }
  Draft draft(out);
  TrialRunner runner(options.symbols, options.threads);
  {
    const graph::OnnxModel made = draft.write(edit);
    done.trial = compare_results(runner.run(model), runner.run(made), "once it is pruned");
  }
  copy_preprocessing(model_path, draft.path());
  draft.commit();
  return done;
}

}  // namespace temper::training
