// What a report finds in small data sets whose faults are known.
#include "training/data/data_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "runtime/base/error.h"

namespace temper::training {
namespace {

using testing::HasSubstr;

// Rows of two numbers and a label; a row whose first number is kBroken cannot be read.
constexpr float kBroken = -99;
class SmallSet : public Dataset {
 public:
  SmallSet(std::string name, std::vector<std::array<float, 3>> rows)
      : name_(std::move(name)), rows_(std::move(rows)) {
    fields_ = {{"x", DType::kFloat32, Shape{2}, false}, {"y", DType::kInt64, Shape{}, true}};
  }
  std::int64_t count() const override { return static_cast<std::int64_t>(rows_.size()); }
  const std::vector<Field>& fields() const override { return fields_; }
  void read(std::span<const std::int64_t> rows, std::span<Tensor> out) const override {
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const auto& row = rows_[static_cast<std::size_t>(rows[i])];
      TEMPER_CHECK(row[0] != kBroken, ErrorCode::kInvalidData, where(0, rows[i]), " is broken");
      out[0].span<float>()[2 * i] = row[0];
      out[0].span<float>()[2 * i + 1] = row[1];
      out[1].span<std::int64_t>()[i] = static_cast<std::int64_t>(row[2]);
    }
  }
  std::vector<std::int64_t> labels(std::size_t /*field*/) const override { return {}; }
  std::string where(std::size_t /*field*/, std::int64_t row) const override {
    return concat(name_, " row ", row);
  }
  const std::string& fingerprint() const override { return name_; }

  std::vector<std::int64_t> all() const {
    std::vector<std::int64_t> rows;
    for (std::int64_t i = 0; i < count(); ++i) {
      rows.push_back(i);
    }
    return rows;
  }

 private:
  std::string name_;
  std::vector<std::array<float, 3>> rows_;
  std::vector<Field> fields_;
};

DataReport report_of(const SmallSet& train, const SmallSet& val) {
  const std::vector<std::int64_t> train_rows = train.all();
  const std::vector<std::int64_t> val_rows = val.all();
  return report_data({"train", train, train_rows}, {"val", val, val_rows});
}

TEST(DataReport, CountsDuplicatesLeaksConflictsAndBrokenRows) {
  const SmallSet train("train", {{0, 1, 0}, {1, 1, 1}, {0, 1, 0}, {1, 1, 0}, {kBroken, 0, 0}});
  const SmallSet val("val", {{0, 1, 1}, {2, 1, 1}});
  const DataReport report = report_of(train, val);
  EXPECT_EQ(report.duplicates, 2);
  EXPECT_EQ(report.leaked, 1);
  EXPECT_EQ(report.conflicts, 2);
  ASSERT_EQ(report.sets.size(), 2u);
  EXPECT_EQ(report.sets[0].broken.size(), 1u);
  EXPECT_EQ(report.sets[0].labels.at(0), 3);
  EXPECT_EQ(report.sets[0].labels.at(1), 1);
  const std::vector<std::string> found = findings(report);
  ASSERT_EQ(found.size(), 5u);
  EXPECT_THAT(found[0], HasSubstr("train row 4 is broken"));
  EXPECT_THAT(found[1], HasSubstr("val row 0 = train row 0"));
  EXPECT_THAT(found[3], HasSubstr("train row 2 = train row 0"));
  EXPECT_THAT(found[4], HasSubstr("1 of 2 values of a row of 'x' of train are the same"));
}

TEST(DataReport, MeasuresValuesAndFindsNanUnevenClassesAndLabelsOfValAlone) {
  std::vector<std::array<float, 3>> rows;
  for (int i = 0; i < 8; ++i) {
    rows.push_back({static_cast<float>(i), static_cast<float>(100 * i), i == 0 ? 1.0F : 0.0F});
  }
  rows.push_back({NAN, 50, 0});
  const DataReport report = report_of(SmallSet("train", rows), SmallSet("val", {{9, 9, 5}}));
  const FieldSummary& inputs = report.sets[0].fields[0];
  EXPECT_EQ(inputs.not_finite, 1);
  EXPECT_EQ(inputs.max, 700);
  // 0..7, 0..700 in hundreds and 50: sums 28 + 2800 + 50 over 17 values.
  EXPECT_NEAR(inputs.mean, 2878.0 / 17, 1e-12);
  const std::vector<std::string> found = findings(report);
  ASSERT_EQ(found.size(), 4u);
  EXPECT_THAT(found[0], HasSubstr("1 values of 'x' of train are NaN"));
  EXPECT_THAT(found[1], HasSubstr("scale it"));
  EXPECT_THAT(found[2], HasSubstr("label 5 is in val (1 samples) but not in train"));
  EXPECT_THAT(found[3], HasSubstr("label 1 has 1 samples, label 0 has 8"));
}

TEST(DataReport, FindsNothingInGoodData) {
  const SmallSet train("train", {{0, 1, 0}, {1, 0, 1}});
  EXPECT_TRUE(findings(report_of(train, SmallSet("val", {{0.5F, 1, 0}}))).empty());
}

}  // namespace
}  // namespace temper::training
