#include "training/analysis/conversion.h"

#include <algorithm>

#include "runtime/base/error.h"
#include "runtime/platform/files.h"
#include "training/analysis/checkpoint_source.h"

namespace temper::training {
namespace {

constexpr std::uint64_t kMostMapBytes = std::uint64_t{16} << 20;

}  // namespace

Conversion convert_checkpoint(const std::string& checkpoint, const std::string& model_path,
                              const std::string& out, const ConversionOptions& options) {
  CheckpointFile file = read_checkpoint(checkpoint);
  Conversion done;
  done.format = file.format;
  done.tensors = static_cast<std::int64_t>(file.tensors.size());
  TEMPER_CHECK(done.tensors > 0, ErrorCode::kInvalidArgument, checkpoint, " (", file.format,
               ") holds no tensors");
  const graph::WeightSource source{std::move(file.tensors), std::move(file.epsilons)};
  const graph::OnnxModel model = graph::OnnxModel::load(model_path);
  graph::ModelEdit edit(model);
  done.report = graph::load_weights(edit, source, options.load);
  done.report.notes.insert(done.report.notes.begin(), file.notes.begin(), file.notes.end());
  TrialRunner runner(options.symbols, options.threads);
  Draft draft(out);
  done.trial = compare_results(runner.run(model), runner.run(draft.write(edit)),
                               "with the weights of the checkpoint");
  draft.commit();
  return done;
}

std::vector<std::pair<std::string, std::string>> read_name_map(const std::string& path) {
  std::vector<std::pair<std::string, std::string>> map;
  const std::string text = read_text_file(path, kMostMapBytes);
  const auto trimmed = [](std::string_view part) {
    const std::size_t first = part.find_first_not_of(" \t\r");
    part = first == std::string_view::npos ? "" : part.substr(first);
    part = part.substr(0, part.find_last_not_of(" \t\r") + 1);
    const bool quoted = part.size() >= 2 && part.front() == '"' && part.back() == '"';
    return quoted ? part.substr(1, part.size() - 2) : part;
  };
  std::size_t line_number = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line = std::string_view(text).substr(at, end - at);
    at = end + 1;
    ++line_number;
    if (trimmed(line).empty() || trimmed(line).front() == '#') {
      continue;
    }
    const std::size_t equals = line.find('=');
    const std::string_view name = trimmed(line.substr(0, std::min(equals, line.size())));
    const std::string_view from =
        equals == std::string_view::npos ? "" : trimmed(line.substr(equals + 1));
    TEMPER_CHECK(!name.empty() && !from.empty(), ErrorCode::kInvalidArgument, path, ", line ",
                 line_number, " is not NAME OF THE MODEL = NAME OF THE CHECKPOINT");
    map.emplace_back(name, from);
  }
  return map;
}

}  // namespace temper::training
