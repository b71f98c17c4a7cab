#include "training/data/tables/window_dataset.h"

#include <algorithm>
#include <utility>

#include "runtime/base/error.h"
#include "training/data/row_shape.h"

namespace temper::training {
namespace {

constexpr const char* kStored = "windows";

// How windows were made for training goes before what the settings say.
DataOptions with_stored(DataOptions options) {
  const JsonValue* stored =
      options.preprocessing.is_null() ? nullptr : options.preprocessing.find(kStored);
  if (stored != nullptr) {
    DataSettings& settings = options.settings;
    settings.window = stored->at("window").as_int("window");
    settings.horizon = stored->at("horizon").as_int("horizon");
    settings.per_step = stored->at("per_step").as_bool("per_step");
    settings.sequence = stored->at("sequence").as_string("sequence");
    TEMPER_CHECK(settings.window > 0 && settings.horizon >= 0, ErrorCode::kInvalidData,
                 "the stored preprocessing has windows of ", settings.window,
                 " rows and a horizon ", "of ", settings.horizon);
  }
  return options;
}

Shape before(std::int64_t first, const Shape& rest) {
  Shape made{first};
  for (const std::int64_t dim : rest) {
    made.push_back(dim);
  }
  return made;
}

// The table delivers rows as it has them.
DataOptions without_shapes(DataOptions options) {
  for (std::vector<WantedField>* fields : {&options.inputs, &options.targets}) {
    for (WantedField& field : *fields) {
      field.row_shape.reset();
      field.row_dims.clear();
    }
  }
  return options;
}

WantedField wanted_of(const DataOptions& options, const Field& field) {
  const std::vector<WantedField>& among = field.is_target ? options.targets : options.inputs;
  const auto found = std::find_if(among.begin(), among.end(), [&](const WantedField& wanted) {
    return wanted.name == field.name;
  });
  return found == among.end() ? WantedField{} : *found;
}

}  // namespace

bool WindowDataset::is_asked(const DataOptions& options) {
  return options.preprocessing.is_null() ? options.settings.window > 0
                                         : options.preprocessing.find(kStored) != nullptr;
}

WindowDataset::WindowDataset(const DataOptions& options)
    : settings_(options.settings),
      window_(settings_.window),
      stride_(std::max<std::int64_t>(settings_.stride, 1)),
      reach_(options.require_targets ? settings_.horizon : 0) {}

std::unique_ptr<WindowDataset> WindowDataset::open(const std::string& path,
                                                   const DataOptions& wanted) {
  const DataOptions options = with_stored(wanted);
  TEMPER_CHECK(options.sample_weight.empty(), ErrorCode::kInvalidArgument,
               "loss.sample_weight weighs rows, but data.window makes samples of ",
               options.settings.window, " of them; leave one out");
  std::unique_ptr<WindowDataset> data(new WindowDataset(options));
  data->table_ = TableDataset::open(path, without_shapes(options));
  data->add_fields(path, options);
  data->find_windows(path);
  return data;
}

void WindowDataset::add_fields(const std::string& path, const DataOptions& options) {
  for (const Field& of_row : table_->fields()) {
    if (of_row.is_target && !options.require_targets) {
      return;
    }
    const bool steps = !of_row.is_target || settings_.per_step;
    const std::int64_t length = steps ? window_ : std::max<std::int64_t>(settings_.horizon, 1);
    Field field = of_row;
    const Shape stored = steps || length > 1 ? before(length, of_row.row_shape) : of_row.row_shape;
    field.row_shape = fit_row_shape(
        stored, wanted_of(options, field),
        concat(path, ", a window of ", of_row.is_target ? "targets" : "the input columns"));
    fields_.push_back(std::move(field));
  }
}

void WindowDataset::find_windows(const std::string& path) {
  const std::vector<std::vector<std::int64_t>> sequences = table_->rows_of_sequences();
  std::int64_t longest = 0;
  for (std::size_t s = 0; s < sequences.size(); ++s) {
    const auto length = static_cast<std::int64_t>(sequences[s].size());
    const auto begin = static_cast<std::int64_t>(order_.size());
    longest = std::max(longest, length);
    order_.insert(order_.end(), sequences[s].begin(), sequences[s].end());
    for (std::int64_t at = 0; at + window_ + reach_ <= length; at += stride_) {
      begins_.push_back(begin + at);
      sequences_.push_back(static_cast<std::int64_t>(s));
    }
    too_short_ += length < window_ + reach_ ? 1 : 0;
  }
  TEMPER_CHECK(!begins_.empty(), ErrorCode::kInvalidData, path, " has ", longest, " rows",
               sequences.size() > 1 ? " in its longest sequence" : "",
               ", but data.window = ", window_,
               reach_ > 0 ? concat(" with data.horizon = ", reach_) : "", " takes ",
               window_ + reach_, ": give more rows or a shorter window");
}

std::span<const std::int64_t> WindowDataset::rows_of(std::size_t field, std::int64_t sample) const {
  TEMPER_ASSERT(sample >= 0 && sample < count(), "sample ", sample, " of ", count());
  const std::int64_t begin = begins_[static_cast<std::size_t>(sample)];
  const auto part = [&](std::int64_t from, std::int64_t length) {
    return std::span(order_).subspan(static_cast<std::size_t>(begin + from),
                                     static_cast<std::size_t>(length));
  };
  if (!fields_[field].is_target) {
    return part(0, window_);
  }
  if (settings_.per_step) {
    return part(settings_.horizon, window_);
  }
  return settings_.horizon == 0 ? part(window_ - 1, 1) : part(window_, settings_.horizon);
}

void WindowDataset::read(std::span<const std::int64_t> rows, std::span<Tensor> out) const {
  TEMPER_ASSERT(out.size() == fields_.size());
  for (std::size_t f = 0; f < fields_.size(); ++f) {
    const auto bytes =
        static_cast<std::size_t>(fields_[f].row_shape.element_count()) * size_of(fields_[f].dtype);
    TEMPER_ASSERT(out[f].dtype() == fields_[f].dtype && out[f].layout().plain &&
                  static_cast<std::size_t>(out[f].bytes()) == bytes * rows.size());
    auto* to = static_cast<std::byte*>(out[f].data());
    for (const std::int64_t row : rows) {
      table_->read_field(f, rows_of(f, row), to);
      to += bytes;
    }
  }
}

std::vector<std::int64_t> WindowDataset::labels(std::size_t field) const {
  TEMPER_CHECK(is_integer(fields_[field].dtype) && fields_[field].row_shape.element_count() == 1,
               ErrorCode::kInvalidData, where(field, 0), " is ", fields_[field].dtype,
               fields_[field].row_shape, " per window; class labels are one whole number");
  const std::vector<std::int64_t> of_rows = table_->labels(field);
  std::vector<std::int64_t> labels;
  for (std::int64_t i = 0; i < count(); ++i) {
    labels.push_back(of_rows[static_cast<std::size_t>(rows_of(field, i).front())]);
  }
  return labels;
}

std::string WindowDataset::where(std::size_t field, std::int64_t row) const {
  return table_->where(field, rows_of(field, row).front());
}

std::string WindowDataset::description() const {
  return concat("windows of ", window_, " rows, ", stride_, " apart",
                settings_.sequence.empty() ? "" : concat(", of sequences by ", settings_.sequence));
}

std::vector<std::string> WindowDataset::remarks() const {
  std::vector<std::string> remarks = table_->remarks();
  if (too_short_ > 0) {
    remarks.push_back(concat(too_short_, " sequences have fewer than the ", window_ + reach_,
                             " rows that a window takes, and are left out"));
  }
  return remarks;
}

void WindowDataset::fit(std::span<const std::int64_t> training_rows) {
  std::vector<bool> is_used(order_.size(), false);
  for (const std::int64_t row : training_rows) {
    const auto begin = static_cast<std::size_t>(begins_[static_cast<std::size_t>(row)]);
    std::fill_n(is_used.begin() + static_cast<std::ptrdiff_t>(begin), window_ + reach_, true);
  }
  std::vector<std::int64_t> used;
  for (std::size_t i = 0; i < order_.size(); ++i) {
    if (is_used[i]) {
      used.push_back(order_[i]);
    }
  }
  std::sort(used.begin(), used.end());
  table_->fit(used);
}

JsonValue WindowDataset::preprocessing() const {
  JsonValue json = table_->preprocessing();
  JsonValue windows = JsonValue::object();
  windows.set("window", window_);
  windows.set("horizon", settings_.horizon);
  windows.set("per_step", settings_.per_step);
  windows.set("sequence", settings_.sequence);
  json.set(kStored, std::move(windows));
  return json;
}

}  // namespace temper::training
