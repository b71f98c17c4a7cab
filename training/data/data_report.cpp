#include "training/data/data_report.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "runtime/base/error.h"
#include "training/data/batch_tensors.h"
#include "training/formats/sha256.h"

namespace temper::training {
namespace {

// Where rows differ in length, with what it has of it and nothing filled up.
std::vector<Tensor> room_for(const Dataset& data, std::int64_t row) {
  std::vector<Tensor> batch;
  for (std::size_t f = 0; f < data.fields().size(); ++f) {
    const Field& field = data.fields()[f];
    const std::span<const std::int64_t> sizes = data.row_sizes(f);
    Shape shape = batch_shape(field, 1);
    if (!sizes.empty()) {
      std::int64_t& size = shape[field.ragged_axis + 1];
      size = std::min(size, sizes[static_cast<std::size_t>(row)]);
    }
    batch.emplace_back(field.dtype, shape);
  }
  return batch;
}

// Sums over the rows of one field.
class FieldSums {
 public:
  explicit FieldSums(const Field& field) { summary_.field = field; }

  void add(const std::vector<double>& row) {
    if (rows_++ == 0) {
      first_ = row;
      same_.assign(row.size(), true);
    }
    same_.resize(std::min(same_.size(), row.size()));  // what all rows have
    for (std::size_t i = 0; i < row.size(); ++i) {
      const double value = row[i];
      if (i < same_.size()) {
        same_[i] = same_[i] && value == first_[i];
      }
      if (!std::isfinite(value)) {
        ++summary_.not_finite;
        continue;
      }
      summary_.min = count_ == 0 ? value : std::min(summary_.min, value);
      summary_.max = count_ == 0 ? value : std::max(summary_.max, value);
      ++count_;
      const double before = value - summary_.mean;
      summary_.mean += before / static_cast<double>(count_);  // Welford's recurrence
      squares_ += before * (value - summary_.mean);
    }
  }

  FieldSummary finish() {
    summary_.deviation = count_ > 0 ? std::sqrt(squares_ / static_cast<double>(count_)) : 0;
    summary_.constant = rows_ > 1 ? std::count(same_.begin(), same_.end(), true) : 0;
    return summary_;
  }

 private:
  FieldSummary summary_;
  std::vector<double> first_;
  std::vector<bool> same_;
  std::int64_t rows_ = 0;
  std::int64_t count_ = 0;
  double squares_ = 0;
};

class Reporter {
 public:
  DataReport run(const NamedRows& train, const NamedRows& val) {
    read(train, false);
    if (!val.rows.empty()) {
      read(val, true);
    }
    return std::move(report_);
  }

 private:
  struct Seen {
    const Dataset* data;
    std::int64_t row;
    std::string target;  // digest
  };

  void read(const NamedRows& named, bool is_val) {
    SetSummary set;
    set.name = named.name;
    set.rows = static_cast<std::int64_t>(named.rows.size());
    std::vector<FieldSums> sums;
    for (const Field& field : named.data.fields()) {
      sums.emplace_back(field);
    }
    const bool differ = std::any_of(named.data.fields().begin(), named.data.fields().end(),
                                    [](const Field& field) { return field.ragged_axis >= 0; });
    std::vector<Tensor> batch = room_for(named.data, 0);
    for (const std::int64_t row : named.rows) {
      try {
        if (differ) {
          batch = room_for(named.data, row);
        }
        named.data.read(std::span<const std::int64_t>(&row, 1), batch);
      } catch (const Error& error) {
        set.broken.push_back(error.message());
        continue;
      }
      for (std::size_t i = 0; i < sums.size(); ++i) {
        const std::vector<double> values = batch[i].values<double>();
        sums[i].add(values);
        const Field& field = named.data.fields()[i];
        if (field.is_target && is_integer(field.dtype) && field.row_shape.rank() == 0) {
          ++set.labels[static_cast<std::int64_t>(values.front())];
        }
      }
      compare(named.data, row, batch, is_val);
    }
    for (FieldSums& sum : sums) {
      set.fields.push_back(sum.finish());
    }
    report_.sets.push_back(std::move(set));
  }

  // Looks the row's inputs up among those of train.
  void compare(const Dataset& data, std::int64_t row, const std::vector<Tensor>& batch,
               bool is_val) {
    Sha256 inputs;
    Sha256 target;
    for (std::size_t i = 0; i < batch.size(); ++i) {
      const std::span<const std::byte> bytes(static_cast<const std::byte*>(batch[i].data()),
                                             static_cast<std::size_t>(batch[i].bytes()));
      (data.fields()[i].is_target ? target : inputs).update(bytes);
    }
    const std::string digest = inputs.finish();
    const std::string target_digest = target.finish();
    const auto same = seen_.find(digest);
    if (same == seen_.end()) {
      if (!is_val) {
        seen_.emplace(digest, Seen{&data, row, target_digest});
      }
      return;
    }
    const RowPair pair = {data.where(0, row), same->second.data->where(0, same->second.row)};
    ++(is_val ? report_.leaked : report_.duplicates);
    keep(is_val ? report_.leaked_examples : report_.duplicate_examples, pair);
    if (target_digest != same->second.target) {
      ++report_.conflicts;
      keep(report_.conflict_examples, pair);
    }
  }

  static void keep(std::vector<RowPair>& examples, const RowPair& pair) {
    if (examples.size() < kMostExamples) {
      examples.push_back(pair);
    }
  }

  DataReport report_;
  std::unordered_map<std::string, Seen> seen_;
};

std::string examples_text(const std::vector<RowPair>& pairs) {
  std::vector<std::string> texts;
  for (const RowPair& pair : pairs) {
    texts.push_back(concat(pair.first, " = ", pair.second));
  }
  return join(texts, "; ");
}

void find_in_labels(const DataReport& report, std::vector<std::string>& out) {
  const SetSummary& train = report.sets.front();
  if (train.labels.size() < 2) {
    if (train.labels.size() == 1) {
      out.push_back(concat("every sample of train has the label ", train.labels.begin()->first));
    }
    return;
  }
  for (std::size_t i = 1; i < report.sets.size(); ++i) {
    for (const auto& [label, count] : report.sets[i].labels) {
      if (!train.labels.contains(label)) {
        out.push_back(concat("label ", label, " is in ", report.sets[i].name, " (", count,
                             " samples) but not in train"));
      }
    }
  }
  const auto by_count = [](const auto& a, const auto& b) { return a.second < b.second; };
  const auto [fewest, most] =
      std::minmax_element(train.labels.begin(), train.labels.end(), by_count);
  constexpr std::int64_t kUneven = 5;
  if (most->second >= kUneven * fewest->second) {
    out.push_back(concat("label ", fewest->first, " has ", fewest->second, " samples, label ",
                         most->first, " has ", most->second,
                         ": accuracy will say little; give the rare classes weight"));
  }
}

void find_in_fields(const SetSummary& set, std::vector<std::string>& out) {
  for (const FieldSummary& summary : set.fields) {
    const std::string name = concat("'", summary.field.name, "' of ", set.name);
    if (summary.not_finite > 0) {
      out.push_back(concat(summary.not_finite, " values of ", name, " are NaN or infinite"));
    }
    const std::int64_t elements = summary.field.row_shape.element_count();
    if (summary.field.is_target || set.name != "train") {
      continue;
    }
    // Pictures have borders that never change; columns of a table should.
    const bool is_table = summary.field.row_shape.rank() <= 1;
    if (summary.constant == elements || (is_table && summary.constant > 0)) {
      out.push_back(concat(summary.constant, " of ", elements, " values of a row of ", name,
                           summary.constant == elements ? " never change: nothing can be learned"
                                                        : " are the same in every row"));
    }
    const double reach = std::max(std::abs(summary.min), std::abs(summary.max));
    if (!is_integer(summary.field.dtype) && reach > 30) {
      out.push_back(concat(name, " reaches from ", summary.min, " to ", summary.max,
                           ": scale it to about -1 to 1 (data.scale for 8-bit pictures)"));
    }
  }
}

}  // namespace

DataReport report_data(const NamedRows& train, const NamedRows& val) {
  return Reporter().run(train, val);
}

std::vector<std::string> findings(const DataReport& report) {
  std::vector<std::string> out;
  for (const SetSummary& set : report.sets) {
    if (!set.broken.empty()) {
      out.push_back(concat(set.broken.size(), " samples of ", set.name,
                           " cannot be read, the first: ", set.broken.front()));
    }
  }
  if (report.leaked > 0) {
    out.push_back(concat(report.leaked,
                         " samples of val are in train too, so validation "
                         "flatters: ",
                         examples_text(report.leaked_examples)));
  }
  if (report.conflicts > 0) {
    out.push_back(concat(report.conflicts,
                         " samples have the inputs of another with a different "
                         "target: ",
                         examples_text(report.conflict_examples)));
  }
  if (report.duplicates > 0) {
    out.push_back(concat(report.duplicates, " samples of train are there twice: ",
                         examples_text(report.duplicate_examples)));
  }
  for (const SetSummary& set : report.sets) {
    find_in_fields(set, out);
  }
  find_in_labels(report, out);
  return out;
}

}  // namespace temper::training
