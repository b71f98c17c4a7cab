// Which field is what, then one pass over the records, then lists brought to one length.
#include "training/data/records/json_dataset.h"

#include <algorithm>
#include <utility>

#include "runtime/base/error.h"
#include "training/data/fingerprint.h"
#include "training/data/records/json_column.h"
#include "training/data/wanted_fields.h"

namespace temper::training {
namespace {

constexpr const char* kMask = "attention_mask";
constexpr std::int64_t kIgnored = -100;  // what losses leave out

// A field of the records and what it is for.
struct Part {
  WantedField wanted;
  bool is_target = false;
  std::string key;  // empty: the mask of what was filled up
  JsonColumn column;
};

std::vector<std::string> keys_of(const JsonValue& record) {
  std::vector<std::string> keys;
  for (const JsonMember& member : record.as_object("the record")) {
    keys.push_back(member.key);
  }
  return keys;
}

bool contains(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

class Reader {
 public:
  Reader(const std::string& path, const DataOptions& options) : records_(path), options_(options) {}

  void read() {
    records_.each([&](const JsonValue& record, std::int64_t place) {
      if (places_.empty()) {
        choose_targets(record, place);
        choose_inputs(record, place);
      }
      places_.push_back(place);
      for (Part& part : parts_) {
        if (part.key.empty()) {
          continue;
        }
        const JsonValue* value = record.find(part.key);
        TEMPER_CHECK(value != nullptr, ErrorCode::kInvalidData, records_.where(place),
                     " has no field '", part.key, "' (it has ", join(keys_of(record), ", "), ")");
        part.column.add(*value, [&] { return where(part, place); });
      }
    });
    TEMPER_CHECK(!places_.empty(), ErrorCode::kInvalidData, records_.path(), " has no records");
    for (Part& part : parts_) {
      part.column.finish();
    }
  }

  std::vector<ArrayField> arrays() {
    std::vector<ArrayField> fields;
    for (const Part& part : parts_) {
      Tensor array = part.key.empty() ? mask_for(part) : array_of(part);
      fields.push_back(make_array_field(std::move(array), part.wanted, part.is_target,
                                        concat(records_.path(), ", field '", part.key, "'"),
                                        options_));
    }
    return fields;
  }

  JsonValue preprocessing() const {
    JsonValue fields = JsonValue::array();
    for (const Part& part : parts_) {
      if (part.column.is_text()) {
        JsonValue field = JsonValue::object();
        field.set("name", part.key);
        field.set("classes", JsonValue::array_of(part.column.classes()));
        fields.push_back(std::move(field));
      }
    }
    if (fields.as_array("fields").empty()) {
      return {};
    }
    JsonValue json = JsonValue::object();
    json.set("kind", "records");
    json.set("fields", std::move(fields));
    return json;
  }

  // Of the only target, where its values are names.
  std::vector<std::string> class_names() const {
    const Part* target = nullptr;
    for (const Part& part : parts_) {
      if (part.is_target && target != nullptr) {
        return {};
      }
      target = part.is_target ? &part : target;
    }
    return target != nullptr && target->column.is_text() ? target->column.classes()
                                                         : std::vector<std::string>{};
  }

  std::vector<std::string> keys() const {
    std::vector<std::string> keys;
    for (const Part& part : parts_) {
      keys.push_back(part.key.empty() ? part.wanted.name : part.key);
    }
    return keys;
  }
  JsonRecords take_records() { return std::move(records_); }
  std::vector<std::int64_t> take_places() { return std::move(places_); }

 private:
  std::string where(const Part& part, std::int64_t place) const {
    return concat(records_.where(place), ": field '", part.key, "'");
  }

  // The stored classes of a field, or those the recipe names for the target; empty: to be learned.
  std::vector<std::string> known_classes(const std::string& key, bool is_target) const {
    const JsonValue& stored = options_.preprocessing;
    const JsonValue* kind = stored.is_object() ? stored.find("kind") : nullptr;
    std::vector<std::string> names;
    if (kind != nullptr) {
      TEMPER_CHECK(kind->as_string("kind") == "records", ErrorCode::kInvalidData,
                   "the preparation stored with the model is of kind '", kind->as_string("kind"),
                   "', but ", records_.path(), " holds records");
      for (const JsonValue& field : stored.at("fields").as_array("fields")) {
        if (field.at("name").as_string("name") == key) {
          for (const JsonValue& name : field.at("classes").as_array("classes")) {
            names.push_back(name.as_string("a class"));
          }
        }
      }
    }
    return names.empty() && is_target ? options_.settings.class_names : names;
  }

  void add(const WantedField& wanted, bool is_target, const std::string& key) {
    parts_.push_back({wanted, is_target, key, JsonColumn(known_classes(key, is_target))});
  }

  void choose_targets(const JsonValue& record, std::int64_t place) {
    const std::vector<std::string> keys = keys_of(record);
    const std::vector<std::string>& asked = options_.settings.target;
    std::vector<WantedField> wanted = options_.targets;
    if (wanted.empty() && options_.require_targets) {
      for (const std::string& name : asked) {
        wanted.push_back({name, DType::kUndefined, std::nullopt, name});
      }
      if (wanted.empty()) {
        wanted.push_back({"target", DType::kUndefined, std::nullopt, {}});
      }
    }
    for (const WantedField& target : wanted) {
      std::vector<std::string> candidates = {target.array};
      if (target.array.empty()) {
        candidates = target_keys();
        if (asked.size() != 1 && !contains(candidates, target.name)) {
          candidates.insert(candidates.begin(), target.name);
        }
      }
      const auto found =
          std::find_if(candidates.begin(), candidates.end(), [&](const std::string& name) {
            return contains(keys, name) && (!target.array.empty() || !is_input(name));
          });
      TEMPER_CHECK(found != candidates.end(), ErrorCode::kInvalidData, records_.where(place),
                   " has no field for the target '", target.name, "' (expected '",
                   join(candidates, "' or '"), "'; it has ", join(keys, ", "),
                   "); name it with data.target");
      add(target, true, *found);
    }
  }

  // What the recipe names, else what targets are mostly called.
  const std::vector<std::string>& target_keys() const {
    const std::vector<std::string>& asked = options_.settings.target;
    return !asked.empty() ? asked : usual_targets();
  }

  bool is_input(const std::string& name) const {
    return std::any_of(options_.inputs.begin(), options_.inputs.end(),
                       [&](const WantedField& input) { return input.name == name; });
  }

  void choose_inputs(const JsonValue& record, std::int64_t place) {
    std::vector<Part> targets = std::exchange(parts_, {});
    std::vector<std::string> others;
    for (const std::string& key : keys_of(record)) {
      const bool chosen = std::any_of(targets.begin(), targets.end(),
                                      [&](const Part& part) { return part.key == key; });
      const bool is_target = chosen || (contains(target_keys(), key) && !is_input(key));
      if (!is_target) {
        others.push_back(key);
      }
    }
    std::vector<WantedField> inputs = options_.inputs;
    if (inputs.empty()) {
      for (const std::string& key : others) {
        inputs.push_back({key, DType::kUndefined, std::nullopt, {}});
      }
    }
    for (const WantedField& input : inputs) {
      const bool alone = inputs.size() == 1 && others.size() == 1;
      const bool masks = input.name == kMask && inputs.size() > 1;
      TEMPER_CHECK(contains(others, input.name) || alone || masks, ErrorCode::kInvalidData,
                   records_.where(place), " has no field '", input.name,
                   "' for the model's input (it has ", join(keys_of(record), ", "), ")");
      add(input, false, contains(others, input.name) ? input.name : alone ? others.front() : "");
    }
    std::move(targets.begin(), targets.end(), std::back_inserter(parts_));
  }

  // The length that lists of a model's input are brought to; 0: as they are.
  std::int64_t length_for(const Part& part) const {
    const std::optional<Shape>& row = part.wanted.row_shape;
    if (row.has_value()) {
      const bool whole = part.wanted.dtype == DType::kUndefined || is_integer(part.wanted.dtype);
      return row->rank() == 1 && whole ? (*row)[0] : 0;
    }
    return options_.settings.block;
  }

  Tensor padded(const Part& part, std::int64_t length, std::int64_t pad) const {
    const std::vector<std::int64_t>& lengths = part.column.lengths();
    const auto longer = std::find_if(lengths.begin(), lengths.end(),
                                     [&](std::int64_t each) { return each > length; });
    TEMPER_CHECK(longer == lengths.end() || options_.settings.truncate, ErrorCode::kInvalidData,
                 where(part, places_[static_cast<std::size_t>(longer - lengths.begin())]), " has ",
                 *longer, " numbers, the model takes ", length,
                 "; data.truncate = true cuts off what is too long");
    return part.column.padded(length, pad);
  }

  // The input whose lists are brought to one length and are as long as this target's, row by row.
  const Part* input_as_long_as(const Part& target) const {
    for (const Part& part : parts_) {
      if (!part.is_target && part.column.is_list() && part.column.is_whole() &&
          length_for(part) > 0 && part.column.lengths() == target.column.lengths()) {
        return &part;
      }
    }
    return nullptr;
  }

  Tensor array_of(const Part& part) const {
    const JsonColumn& column = part.column;
    if (!column.is_list()) {
      return column.array();
    }
    if (column.is_whole()) {
      const Part* input = part.is_target ? input_as_long_as(part) : &part;
      if (input != nullptr && length_for(*input) > 0) {
        return padded(part, length_for(*input), part.is_target ? kIgnored : options_.settings.pad);
      }
    }
    const std::int64_t other = column.first_of_other_length();
    if (other >= 0) {
      const auto row = static_cast<std::size_t>(other);
      fail(ErrorCode::kInvalidData, where(part, places_[row]), " has ", column.lengths()[row],
           " numbers, the first record ", column.lengths().front(),
           column.is_whole() && !part.is_target
               ? "; for a model that takes lists of any length, write data.block = the length to "
                 "fill them up to"
               : "; only whole numbers of an input, and targets as long as it, are filled up");
    }
    return column.array();
  }

  Tensor mask_for(const Part& mask) const {
    for (const Part& part : parts_) {
      const std::int64_t length = length_for(part);
      if (!part.is_target && part.column.is_list() && part.column.is_whole() && length > 0) {
        Tensor out(DType::kInt64, Shape{static_cast<std::int64_t>(places_.size()), length}, {},
                   "the mask of a JSON file's lists");
        std::int64_t* to = out.span<std::int64_t>().data();
        for (const std::int64_t given : part.column.lengths()) {
          std::fill_n(to, std::min(given, length), 1);
          to += length;
        }
        return out;
      }
    }
    fail(ErrorCode::kInvalidData, records_.path(), " has no field '", mask.wanted.name,
         "' for the model's input, and no input of lists to make it from");
  }

  JsonRecords records_;
  const DataOptions& options_;
  std::vector<Part> parts_;  // inputs first, then targets
  std::vector<std::int64_t> places_;
};

}  // namespace

std::unique_ptr<JsonDataset> JsonDataset::open(const std::string& path,
                                               const DataOptions& options) {
  Reader reader(path, options);
  reader.read();
  std::vector<ArrayField> arrays = reader.arrays();
  std::vector<std::string> keys = reader.keys();
  std::vector<std::string> classes = reader.class_names();
  JsonValue preprocessing = reader.preprocessing();
  std::vector<std::int64_t> places = reader.take_places();
  std::unique_ptr<JsonDataset> data(
      new JsonDataset(reader.take_records(), std::move(arrays),
                      fingerprint_files({path}, options.hash_everything)));
  data->keys_ = std::move(keys);
  data->places_ = std::move(places);
  data->preprocessing_ = std::move(preprocessing);
  data->set_class_names(std::move(classes));
  data->check_values(options.require_finite);
  return data;
}

std::string JsonDataset::where(std::size_t field, std::int64_t row) const {
  return concat(records_.where(places_.at(static_cast<std::size_t>(row))), ": field '",
                keys_.at(field), "'");
}

}  // namespace temper::training
