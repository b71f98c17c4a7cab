#include "training/recipe_keys.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <type_traits>
#include <utility>

#include "runtime/base/error.h"
#include "training/losses/loss.h"
#include "training/optimizers/optimizer.h"
#include "training/schedules/schedule.h"

namespace temper::training {
namespace {

using Check = std::string (*)(const RecipeValue&);

template <class T>
constexpr const char* type_name() {
  if constexpr (std::is_same_v<T, bool>) {
    return "true or false";
  } else if constexpr (std::is_same_v<T, std::int64_t>) {
    return "an integer";
  } else if constexpr (std::is_same_v<T, double>) {
    return "a number";
  } else if constexpr (std::is_same_v<T, std::string>) {
    return "a string";
  } else {
    return "a list of strings";
  }
}

template <class T>
bool convert(const RecipeValue& value, T& out) {
  if (const T* same = std::get_if<T>(&value)) {
    out = *same;
    return true;
  }
  if constexpr (std::is_same_v<T, double>) {
    if (const auto* integer = std::get_if<std::int64_t>(&value)) {
      out = static_cast<double>(*integer);
      return true;
    }
  }
  if constexpr (std::is_same_v<T, std::vector<std::string>>) {
    if (const auto* text = std::get_if<std::string>(&value)) {
      out = {*text};
      return true;
    }
    const auto* empty = std::get_if<std::vector<double>>(&value);
    if (empty != nullptr && empty->empty()) {
      out.clear();
      return true;
    }
  }
  return false;
}

// `field` gives the setting's place in a recipe; its type decides what values it takes.
template <class Field>
RecipeKey key(std::string name, std::string help, Field field, Check check = nullptr,
              bool is_path = false) {
  using T = std::remove_reference_t<std::invoke_result_t<Field, Recipe&>>;
  RecipeKey made;
  made.name = std::move(name);
  made.help = std::move(help);
  made.type = type_name<T>();
  made.is_path = is_path;
  made.set = [field, check](Recipe& recipe, const RecipeValue& value) {
    T converted{};
    TEMPER_CHECK(convert(value, converted), ErrorCode::kInvalidArgument, "must be ", type_name<T>(),
                 ", but is ", to_toml_value(value),
                 std::is_arithmetic_v<T> && std::holds_alternative<std::string>(value)
                     ? " (numbers are written as in TOML: 0.5, 1e-3)"
                     : "");
    const std::string problem = check == nullptr ? std::string{} : check(RecipeValue(converted));
    TEMPER_CHECK(problem.empty(), ErrorCode::kInvalidArgument, problem, ", but is ",
                 to_toml_value(value));
    field(recipe) = std::move(converted);
  };
  made.get = [field](const Recipe& recipe) {
    return RecipeValue(field(const_cast<Recipe&>(recipe)));
  };
  return made;
}

std::string positive(const RecipeValue& value) {
  return std::get<std::int64_t>(value) > 0 ? "" : "must be positive";
}

std::string not_negative(const RecipeValue& value) {
  const auto* number = std::get_if<double>(&value);
  if (number != nullptr && !std::isfinite(*number)) {
    return "must be finite";
  }
  const bool ok = number == nullptr ? std::get<std::int64_t>(value) >= 0 : *number >= 0;
  return ok ? "" : "must not be negative";
}

std::string share(const RecipeValue& value) {
  const double number = std::get<double>(value);
  return number >= 0 && number < 1 ? "" : "must be at least 0 and below 1";
}

template <const char* const* kChoices, std::size_t kCount>
std::string one_of(const RecipeValue& value) {
  std::vector<std::string> names(kChoices, kChoices + kCount);
  const auto& text = std::get<std::string>(value);
  if (std::find(names.begin(), names.end(), text) != names.end()) {
    return "";
  }
  const std::string hint = nearest(text, names);
  return hint.empty() ? concat("must be one of ", join(names, ", "))
                      : concat("must be one of ", join(names, ", "), " (did you mean ", hint, "?)");
}

constexpr const char* kBatchNorm[] = {"train", "frozen"};
constexpr const char* kHeader[] = {"auto", "yes", "no"};
constexpr const char* kDecimal[] = {".", ","};
constexpr const char* kPer[] = {"step", "epoch"};
constexpr const char* kPrecision[] = {"f32"};
constexpr const char* kNonFinite[] = {"skip", "stop"};
constexpr const char* kMode[] = {"min", "max"};

std::vector<RecipeKey> input_keys() {
  return {
      key(
          "model.path", "the ONNX file", [](Recipe& r) -> auto& { return r.model.path; }, nullptr,
          true),
      key("model.freeze", "patterns of tensors that stay as they are",
          [](Recipe& r) -> auto& { return r.model.freeze; }),
      key("model.trainable", "patterns of the tensors to train; empty: all weights",
          [](Recipe& r) -> auto& { return r.model.trainable; }),
      key(
          "model.batchnorm", "\"train\": batch statistics; \"frozen\": the running ones",
          [](Recipe& r) -> auto& { return r.model.batchnorm; }, one_of<kBatchNorm, 2>),
      key(
          "model.external_data_root", "wider folder for external data",
          [](Recipe& r) -> auto& { return r.model.external_data_root; }, nullptr, true),
      key(
          "data.train", "training data: .npz, .npy, .csv, IDX",
          [](Recipe& r) -> auto& { return r.data.train; }, nullptr, true),
      key(
          "data.val", "validation data; empty: see val_split",
          [](Recipe& r) -> auto& { return r.data.val; }, nullptr, true),
      key(
          "data.val_split", "share of the training data held out for validation",
          [](Recipe& r) -> auto& { return r.data.val_split; }, share),
      key(
          "data.batch_size", "samples per (micro) batch",
          [](Recipe& r) -> auto& { return r.data.batch_size; }, positive),
      key("data.shuffle", "a new order each epoch",
          [](Recipe& r) -> auto& { return r.data.shuffle; }),
      key("data.drop_last", "leave out the last, smaller batch of an epoch",
          [](Recipe& r) -> auto& { return r.data.drop_last; }),
      key(
          "data.seed", "of the order and the split", [](Recipe& r) -> auto& { return r.data.seed; },
          not_negative),
      key("data.target", "target columns of a CSV file",
          [](Recipe& r) -> auto& { return r.data.target; }),
      key("data.delimiter", "of a CSV file; empty: found out",
          [](Recipe& r) -> auto& { return r.data.delimiter; }),
      key(
          "data.header", "whether a CSV file's first row names the columns",
          [](Recipe& r) -> auto& { return r.data.header; }, one_of<kHeader, 3>),
      key("data.standardize", "CSV: numeric columns to mean 0 and deviation 1",
          [](Recipe& r) -> auto& { return r.data.standardize; }),
      key("data.categorical", "CSV: numeric columns that are categories",
          [](Recipe& r) -> auto& { return r.data.categorical; }),
      key("data.drop", "CSV: columns to leave out", [](Recipe& r) -> auto& { return r.data.drop; }),
      key("data.one_hot", "CSV: categories as 0/1 columns instead of codes",
          [](Recipe& r) -> auto& { return r.data.one_hot; }),
      key("data.fill_missing", "CSV: missing numbers become the mean",
          [](Recipe& r) -> auto& { return r.data.fill_missing; }),
      key("data.missing_values", "CSV: texts that mean a missing value; empty: the usual ones",
          [](Recipe& r) -> auto& { return r.data.missing_values; }),
      key(
          "data.decimal", "CSV: the decimal mark",
          [](Recipe& r) -> auto& { return r.data.decimal; }, one_of<kDecimal, 2>),
      key(
          "data.target_path", "a file of its own for the targets (.npy, IDX)",
          [](Recipe& r) -> auto& { return r.data.target_path; }, nullptr, true),
      key("data.stratify", "val_split keeps each class's share",
          [](Recipe& r) -> auto& { return r.data.stratify; }),
      key("data.scale", "8-bit inputs become floats divided by 255",
          [](Recipe& r) -> auto& { return r.data.scale; }),
  };
}

std::vector<RecipeKey> run_keys() {
  return {
      key("loss.name", "which loss", [](Recipe& r) -> auto& { return r.loss.loss.name; }),
      key("loss.output", "which model output; empty: the first",
          [](Recipe& r) -> auto& { return r.loss.output; }),
      key("optimizer.name", "which optimizer", [](Recipe& r) -> auto& { return r.optimizer.name; }),
      key("schedule.name", "which schedule",
          [](Recipe& r) -> auto& { return r.schedule.schedule.name; }),
      key(
          "schedule.per", "when it advances: \"step\" or \"epoch\"",
          [](Recipe& r) -> auto& { return r.schedule.per; }, one_of<kPer, 2>),
      key("schedule.warmup", "linear warm-up: \"500 steps\", \"2 epochs\", \"5%\"",
          [](Recipe& r) -> auto& { return r.schedule.warmup; }),
      key(
          "clip.norm", "largest global gradient norm; 0: no clipping",
          [](Recipe& r) -> auto& { return r.clip_norm; }, not_negative),
      key(
          "train.epochs", "passes over the data", [](Recipe& r) -> auto& { return r.train.epochs; },
          not_negative),
      key(
          "train.steps", "optimizer steps; 0: by epochs",
          [](Recipe& r) -> auto& { return r.train.steps; }, not_negative),
      key(
          "train.precision", "of the arithmetic",
          [](Recipe& r) -> auto& { return r.train.precision; }, one_of<kPrecision, 1>),
      key("train.device", "where to run", [](Recipe& r) -> auto& { return r.train.device; }),
      key(
          "train.threads", "0: all processors", [](Recipe& r) -> auto& { return r.train.threads; },
          not_negative),
      key(
          "train.accumulate", "micro-batches per optimizer step",
          [](Recipe& r) -> auto& { return r.train.accumulate; }, positive),
      key(
          "train.seed", "of Dropout", [](Recipe& r) -> auto& { return r.train.seed; },
          not_negative),
      key("train.out", "run directory; empty: runs/NAME-N",
          [](Recipe& r) -> auto& { return r.train.out; }),
      key(
          "train.eval_every", "steps between evaluations; 0: each epoch",
          [](Recipe& r) -> auto& { return r.train.eval_every; }, not_negative),
      key(
          "train.on_nonfinite", "\"skip\" the step or \"stop\" the run",
          [](Recipe& r) -> auto& { return r.train.on_nonfinite; }, one_of<kNonFinite, 2>),
      key(
          "train.max_consecutive_skips", "skipped steps in a row that stop the run",
          [](Recipe& r) -> auto& { return r.train.max_consecutive_skips; }, positive),
      key(
          "checkpoint.every", "steps between checkpoints; 0: each epoch",
          [](Recipe& r) -> auto& { return r.checkpoint.every; }, not_negative),
      key(
          "checkpoint.keep", "how many checkpoints stay",
          [](Recipe& r) -> auto& { return r.checkpoint.keep; }, positive),
      key("checkpoint.monitor", "the metric that decides what is best",
          [](Recipe& r) -> auto& { return r.checkpoint.monitor; }),
      key(
          "checkpoint.mode", "whether less or more of it is better",
          [](Recipe& r) -> auto& { return r.checkpoint.mode; }, one_of<kMode, 2>),
      key(
          "checkpoint.patience", "evaluations without improvement before stopping; 0: never",
          [](Recipe& r) -> auto& { return r.checkpoint.patience; }, not_negative),
      key(
          "log.every", "steps between logged lines", [](Recipe& r) -> auto& { return r.log.every; },
          positive),
      key("log.tensorboard", "write TensorBoard events",
          [](Recipe& r) -> auto& { return r.log.tensorboard; }),
      key("log.charts", "write charts", [](Recipe& r) -> auto& { return r.log.charts; }),
  };
}

}  // namespace

const std::vector<RecipeKey>& recipe_key_table() {
  static const std::vector<RecipeKey> kKeys = [] {
    std::vector<RecipeKey> keys = input_keys();
    std::vector<RecipeKey> more = run_keys();
    std::move(more.begin(), more.end(), std::back_inserter(keys));
    return keys;
  }();
  return kKeys;
}

const RecipeKey* find_recipe_key(std::string_view name) {
  for (const RecipeKey& key : recipe_key_table()) {
    if (key.name == name) {
      return &key;
    }
  }
  return nullptr;
}

const std::vector<ComponentTable>& component_tables() {
  static const std::vector<ComponentTable> kTables = {
      {"loss", [](Recipe& r) -> ComponentSettings& { return r.loss.loss; },
       [](const std::string& name) { return find_loss(name).parameters; }},
      {"optimizer", [](Recipe& r) -> ComponentSettings& { return r.optimizer; },
       [](const std::string& name) { return find_optimizer(name).parameters; }},
      {"schedule", [](Recipe& r) -> ComponentSettings& { return r.schedule.schedule; },
       [](const std::string& name) { return find_schedule(name).parameters; }},
  };
  return kTables;
}

std::string to_toml_value(const RecipeValue& value) {
  const auto quoted = [](const std::string& text) {
    std::string out = "\"";
    for (const char c : text) {
      if (c == '"' || c == '\\') {
        out += '\\';
      }
      out += c;
    }
    return out + "\"";
  };
  const auto number = [](double x) {
    std::string text = concat(x);
    const bool bare = text.find_first_of(".en") == std::string::npos;
    return bare ? text + ".0" : text;
  };
  return std::visit(
      [&]<class T>(const T& v) -> std::string {
        if constexpr (std::is_same_v<T, std::string>) {
          return quoted(v);
        } else if constexpr (std::is_same_v<T, double>) {
          return number(v);
        } else if constexpr (std::is_arithmetic_v<T>) {
          return concat(v);
        } else {
          std::vector<std::string> parts;
          for (const auto& element : v) {
            if constexpr (std::is_same_v<T, std::vector<std::string>>) {
              parts.push_back(quoted(element));
            } else if constexpr (std::is_same_v<T, std::vector<double>>) {
              parts.push_back(number(element));
            } else {
              parts.push_back(concat(element));
            }
          }
          return concat("[", join(parts, ", "), "]");
        }
      },
      value);
}

}  // namespace temper::training
