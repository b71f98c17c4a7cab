// An evaluation in words: a table for people, JSON for programs.
#pragma once

#include <string>
#include <vector>

#include "training/formats/json.h"
#include "training/session/evaluation.h"

namespace temper::cli {

struct EvaluationReport {
  std::string model;
  std::string data;  // "digits.npz, the 359 samples held out for validation"
  training::Evaluation evaluation;
  training::SetMetrics metrics;
  std::vector<std::string> class_names;
};

// "precision (macro)": what `name` means where classes are averaged.
std::string metric_title(const training::SetMetrics& metrics, const std::string& name);

// Loss and metrics, then a line per class and the commonest mistakes. Ends with a line feed.
std::string report_text(const EvaluationReport& report);

// {"loss", "samples", each metric by its name, "classes": [...], "confusion": [[...]]}
training::JsonValue report_json(const EvaluationReport& report);

}  // namespace temper::cli
