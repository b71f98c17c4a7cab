// What a run knows of the model it exports, in the metadata of the file, and read back: keys that
// begin with "temper." (docs/verify.md). Nothing in them differs between two equal runs.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "graph/onnx/import.h"
#include "training/formats/json.h"
#include "training/session/evaluation.h"
#include "training/session/session.h"

namespace temper::training {

inline constexpr const char* kMetadataPrefix = "temper.";
inline constexpr const char* kMetricPrefix = "temper.metric.";

inline constexpr const char* kClassesKey = "temper.classes";
inline constexpr const char* kPreprocessingKey = "temper.preprocessing";
inline constexpr const char* kLossKey = "temper.loss";
inline constexpr const char* kParentKey = "temper.parent.sha256";
inline constexpr const char* kTrainSamplesKey = "temper.train_samples";

// Keys of what was measured, which is true of one file's values alone.
inline bool is_measure(std::string_view key) { return key.starts_with("temper.metric"); }

using MetadataEntries = std::vector<std::pair<std::string, std::string>>;

// `evaluation`: of this very model on validation data, or null. `parent`: the SHA-256 of the file
// that was trained.
MetadataEntries model_metadata(const Session& session, const Evaluation* evaluation,
                               const std::string& parent);

// What stays true of a file with other values, such as a mean of several: not what was measured,
// nor what it was made from.
MetadataEntries lasting_entries(const graph::OnnxModel& model);

// What a file says of itself.
struct ModelClaims {
  std::string version;               // of Temper; empty: it was not written by a run
  std::vector<std::string> classes;  // names; empty: it has none
  std::string loss;
  JsonValue preprocessing;                 // as Dataset::preprocessing(); null: none
  std::vector<MetricValue> metrics;        // of validation data: "loss", "accuracy"
  std::optional<MetricSettings> settings;  // how they were counted
  std::int64_t samples = 0;                // of these data
  std::int64_t train_samples = 0;          // that it was trained on; 0: it does not say
};

// Class names also as other tools write them ("names" of Ultralytics). THROWS: kInvalidModel naming
// the key where one of "temper." is not as it is written.
ModelClaims model_claims(const graph::OnnxModel& model);

// How the data of the model are prepared by the file preprocessing_path(), else by its metadata;
// null: neither says it, or the recipe says how itself. Of a model that prepares pictures itself
// its metadata, in any case. Tells in `notes`. THROWS: as model_claims(); kInvalidArgument for a
// recipe that would prepare such pictures once more.
JsonValue stored_preparation(const graph::OnnxModel& model, const Recipe& recipe, bool wanted,
                             std::vector<std::string>& notes);

}  // namespace temper::training
