// Several threads give the bits of one, errors come in the order of rows, and the loader passes
// them on after the batches before.
#include "training/data/parallel_dataset.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <thread>

#include "tests/training/test_files.h"
#include "training/data/batch_loader.h"
#include "training/data/open_dataset.h"

namespace temper::training {
namespace {

std::unique_ptr<Dataset> pictures(int workers) {
  DataOptions options;
  options.inputs = {{"x", DType::kFloat32, Shape{3, 8, 8}, {}}};
  options.settings.scale = true;
  options.settings.cache_mb = 0;
  options.augment.resized_crop = true;
  options.augment.horizontal_flip = 0.5;
  options.augment.brightness = 0.3;
  return std::make_unique<ParallelDataset>(open_dataset(fixture("classes"), options), workers);
}

// The values of each batch of two epochs, from `start`.
std::vector<std::vector<float>> batches(const Dataset& data, std::int64_t size,
                                        DataPosition start = {}) {
  LoaderOptions options;
  options.batch_size = size;
  options.training = true;
  BatchLoader loader(data, Sampler(data.count(), {true, 3}), options, start);
  std::vector<std::vector<float>> all;
  while (true) {
    const Batch* batch = loader.next();
    std::vector<float> values = batch->fields[0].values<float>();
    const std::vector<float> labels = batch->fields[1].values<float>();
    values.insert(values.end(), labels.begin(), labels.end());
    all.push_back(std::move(values));
    if (batch->end.epoch == 2) {
      return all;
    }
  }
}

TEST(ParallelDataset, AnyNumberOfWorkersGivesTheSameBatchesAlsoAfterARestart) {
  const auto expected = batches(*pictures(1), 5);
  EXPECT_EQ(expected.size(), 6u);
  for (const int workers : {2, 3, 4, 16}) {
    const auto data = pictures(workers);
    EXPECT_EQ(batches(*data, 5), expected) << workers;
    const auto rest = batches(*data, 5, {0, 10});
    EXPECT_TRUE(std::equal(rest.begin(), rest.end(), expected.begin() + 2, expected.end()));
  }
}

// Rows from `bad` on fail, each with its number.
class Failing : public Dataset {
 public:
  explicit Failing(std::int64_t bad) : bad_(bad), fields_{{"x", DType::kFloat32, Shape{}, false}} {}
  std::int64_t count() const override { return 64; }
  const std::vector<Field>& fields() const override { return fields_; }
  void read(std::span<const std::int64_t> rows, std::span<Tensor> out) const override {
    for (std::size_t i = 0; i < rows.size(); ++i) {
      TEMPER_CHECK(rows[i] < bad_, ErrorCode::kInvalidData, "row ", rows[i], " is bad");
      out[0].span<float>()[i] = static_cast<float>(rows[i]);
    }
  }
  std::vector<std::int64_t> labels(std::size_t) const override { return {}; }
  std::string where(std::size_t, std::int64_t) const override { return "nowhere"; }
  const std::string& fingerprint() const override { return fingerprint_; }

 private:
  std::int64_t bad_;
  std::vector<Field> fields_;
  std::string fingerprint_;
};

TEST(ParallelDataset, TheErrorOfTheFirstBadRowIsThrownAfterTheBatchesBeforeIt) {
  for (int repetition = 0; repetition < 20; ++repetition) {
    const ParallelDataset data(std::make_unique<Failing>(37), 4);
    LoaderOptions options;
    options.batch_size = 16;
    BatchLoader loader(data, Sampler(64, {false, 0}), options);
    EXPECT_EQ(loader.next()->fields[0].values<float>()[15], 15);
    EXPECT_EQ(loader.next()->fields[0].values<float>()[15], 31);
    expect_error([&] { loader.next(); }, ErrorCode::kInvalidData, "row 37 is bad");
  }
}

TEST(ParallelDataset, SeveralCallersAtOnceAreServed) {
  const ParallelDataset data(std::make_unique<Failing>(64), 3);
  std::atomic<int> wrong = 0;
  const auto read_often = [&] {
    std::vector<std::int64_t> rows(64);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      rows[i] = static_cast<std::int64_t>(63 - i);
    }
    std::vector<Tensor> out;
    out.emplace_back(DType::kFloat32, Shape{64});
    for (int i = 0; i < 200; ++i) {
      data.read(rows, out);
      wrong += out[0].span<float>()[0] == 63 && out[0].span<float>()[63] == 0 ? 0 : 1;
    }
  };
  std::thread other(read_often);
  read_often();
  other.join();
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace temper::training
