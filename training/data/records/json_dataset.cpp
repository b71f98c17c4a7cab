// Which field is what, then one pass over the records, then lists brought to one length.
#include "training/data/records/json_dataset.h"

#include <algorithm>
#include <utility>

#include "runtime/base/error.h"
#include "training/data/arrays/made_rows.h"
#include "training/data/fingerprint.h"
#include "training/data/records/json_column.h"
#include "training/data/wanted_fields.h"

namespace temper::training {
namespace {

// A field of the records and what it is for.
struct Part {
  WantedField wanted;
  bool is_target = false;
  std::string key;  // empty: made of the lengths of the lists
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

  MatchedArrays arrays() {
    MatchedArrays matched;
    for (const Part& part : parts_) {
      if (!part.key.empty()) {
        matched.fields.push_back(array_of(part));
      }
    }
    follow_fixed_inputs(matched.fields);
    for (const Part& part : parts_) {
      if (part.key.empty()) {
        matched.made.push_back(made_rows(part.wanted, part.is_target, matched.fields));
      }
    }
    return matched;
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

  // Of the fields that are in the records.
  std::vector<std::string> keys() const {
    std::vector<std::string> keys;
    for (const Part& part : parts_) {
      if (!part.key.empty()) {
        keys.push_back(part.key);
      }
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
      if (target.made != MadeField::kNone) {
        add(target, true, "");
        continue;
      }
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
    const auto needed = std::count_if(inputs.begin(), inputs.end(), [](const auto& input) {
      return input.made == MadeField::kNone && !input.optional;
    });
    for (const WantedField& input : inputs) {
      const bool made = input.made != MadeField::kNone && needed > 0;
      const bool alone = !made && needed == 1 && others.size() == 1;
      TEMPER_CHECK(contains(others, input.name) || alone || made || input.optional,
                   ErrorCode::kInvalidData, records_.where(place), " has no field '", input.name,
                   "' for the model's input (it has ", join(keys_of(record), ", "), ")");
      if (contains(others, input.name) || alone || made) {
        add(input, false, contains(others, input.name) ? input.name : alone ? others.front() : "");
      }
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
    return part.column.is_flat() ? options_.settings.block : 0;
  }

  // Whether an input's rows may be of any length, or are brought to the model's.
  bool may_differ(const Part& part) const {
    const JsonColumn& column = part.column;
    if (length_for(part) > 0) {
      return column.is_flat() && column.is_whole();
    }
    const std::vector<std::int64_t>& dims = part.wanted.row_dims;
    return !part.wanted.row_shape &&
           (dims.empty() || std::find(dims.begin(), dims.end(), -1) != dims.end());
  }

  bool is_as_long_as_an_input(const Part& target) const {
    return std::any_of(parts_.begin(), parts_.end(), [&](const Part& part) {
      return !part.is_target && part.column.is_list() && may_differ(part) &&
             (length_for(part) == 0 || target.column.is_whole()) &&
             part.column.lengths() == target.column.lengths();
    });
  }

  ArrayField array_of(const Part& part) const {
    const JsonColumn& column = part.column;
    const std::string source = concat(records_.path(), ", field '", part.key, "'");
    const bool differs = column.is_list() && column.first_of_other_length() >= 0;
    const bool follows =
        column.is_list() && (part.is_target ? is_as_long_as_an_input(part) : may_differ(part));
    const bool sequence = part.is_target && differs && column.is_flat() && column.is_whole();
    if (!follows && !sequence) {
      check_equal(part);
      return make_array_field(column.array(), part.wanted, part.is_target, source, options_);
    }
    WantedField wanted = part.wanted;
    if (!part.is_target) {
      wanted.pad = static_cast<double>(column.is_whole() ? options_.settings.pad : 0);
      const std::int64_t length = length_for(part);
      wanted.row_shape = length > 0 ? std::optional<Shape>(Shape{length}) : wanted.row_shape;
      check_longest(part, length);
    }
    const RowSizes sizes{column.lengths(), false, 0};
    return make_array_field(column.joined(), wanted, part.is_target, source, options_, &sizes);
  }

  void check_longest(const Part& part, std::int64_t length) const {
    const std::vector<std::int64_t>& lengths = part.column.lengths();
    const auto longer = std::find_if(lengths.begin(), lengths.end(),
                                     [&](std::int64_t each) { return each > length; });
    TEMPER_CHECK(length == 0 || longer == lengths.end() || options_.settings.truncate,
                 ErrorCode::kInvalidData,
                 where(part, places_[static_cast<std::size_t>(longer - lengths.begin())]), " has ",
                 *longer, " numbers, the model takes ", length,
                 "; data.truncate = true cuts off what is too long");
  }

  void check_equal(const Part& part) const {
    const JsonColumn& column = part.column;
    const std::int64_t other = column.is_list() ? column.first_of_other_length() : -1;
    if (other >= 0) {
      const auto row = static_cast<std::size_t>(other);
      fail(ErrorCode::kInvalidData, where(part, places_[row]), " has ", column.lengths()[row],
           " numbers, the first record ", column.lengths().front(),
           "; filled up are lists of an input whose length the model leaves open, of whole numbers "
           "for one it fixes, targets as long as such an input, and label sequences");
    }
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
  MatchedArrays arrays = reader.arrays();
  std::vector<std::string> keys = reader.keys();
  std::vector<std::string> classes = reader.class_names();
  JsonValue preprocessing = reader.preprocessing();
  std::vector<std::int64_t> places = reader.take_places();
  std::unique_ptr<JsonDataset> data(
      new JsonDataset(reader.take_records(), std::move(arrays.fields),
                      fingerprint_files({path}, options.hash_everything)));
  data->add_made(std::move(arrays.made));
  data->keys_ = std::move(keys);
  data->places_ = std::move(places);
  data->preprocessing_ = std::move(preprocessing);
  data->set_class_names(std::move(classes));
  data->check_values(options.require_finite);
  return data;
}

std::string JsonDataset::where(std::size_t field, std::int64_t row) const {
  if (field >= keys_.size()) {
    return ArrayDataset::where(field, row);
  }
  return concat(records_.where(places_.at(static_cast<std::size_t>(row))), ": field '",
                keys_.at(field), "'");
}

}  // namespace temper::training
