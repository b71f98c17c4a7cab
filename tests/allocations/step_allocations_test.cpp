// A training step allocates nothing after the first, and a run allocates what its plan says.
#include <gtest/gtest.h>
#include <temper_test_paths.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <set>

#include "runtime/base/error.h"
#include "tests/allocations/allocation_count.h"
#include "tests/training/support/tiny_gan.h"
#include "tests/training/support/tiny_run.h"

namespace temper::training {
namespace {

using test::AllocationCount;
using Lines = std::vector<std::string>;

class Allocations : public testing::Test {
 protected:
  void SetUp() override {
    if (!test::can_count()) {
      GTEST_SKIP() << "this build has an allocator of its own (sanitizers)";
    }
    std::string name = std::filesystem::temp_directory_path() / "temper-test-XXXXXX";
    folder_ = mkdtemp(name.data());
    write_tiny_model(path("tiny.onnx"));
    write_tiny_data(path("train.npz"), 38, 5);
  }
  void TearDown() override {
    if (!folder_.empty()) {
      std::filesystem::remove_all(folder_);
    }
  }
  std::string path(const std::string& name) const { return folder_ + "/" + name; }

  Recipe recipe(const Lines& lines) const {
    // Whole steps only: no line is logged, nothing is saved or evaluated between the first and the
    // last.
    Lines all = {"train.steps=60", "log.every=1000", "checkpoint.every=1000",
                 "train.eval_every=1000"};
    all.insert(all.end(), lines.begin(), lines.end());
    return tiny_recipe(path("tiny.onnx"), path("train.npz"), path("run"), all);
  }

  std::string folder_;
};

// Counts the allocations of each step after the first, from one call of stepped() to the next.
class Counter : public RunObserver {
 public:
  void stepped(const RunProgress& progress) override {
    const AllocationCount count = test::stop_counting();
    if (progress.step > 1) {
      ++steps;
      ours += count.ours;
      library += count.library;
      most = std::max(most, count.ours);
    }
    test::start_counting();
  }
  // What the line of an epoch's end takes is not the next step's.
  void logged(std::int64_t, std::int64_t, std::span<const Metric>) override {
    test::start_counting();
  }

  std::int64_t steps = 0, ours = 0, library = 0, most = 0;
};

class StepAllocations : public Allocations, public testing::WithParamInterface<Lines> {};

TEST_P(StepAllocations, AreNoneAfterTheFirstStepsOfARun) {
  if (std::getenv("TEMPER_TRACE_ALLOCATIONS") != nullptr) {
    test::trace_allocations(std::atoi(std::getenv("TEMPER_TRACE_ALLOCATIONS")));
  }
  Session session(recipe(GetParam()));
  Counter counter;
  Trainer trainer(session, counter, false);
  trainer.run();
  test::stop_counting();
  EXPECT_EQ(counter.steps, 59);
  EXPECT_EQ(counter.ours, 0) << "at most " << counter.most << " in one step";
  std::printf("%lld steps: %lld allocations of ours, %.1f a step inside oneDNN\n",
              static_cast<long long>(counter.steps), static_cast<long long>(counter.ours),
              static_cast<double>(counter.library) / static_cast<double>(counter.steps));
}

INSTANTIATE_TEST_SUITE_P(
    Settings, StepAllocations,
    testing::Values(Lines{"train.device=\"cpu\""}, Lines{"train.device=\"cpu\"", "train.threads=2"},
                    Lines{"train.device=\"reference\""}, Lines{"train.accumulate=3"},
                    Lines{"optimizer.name=\"sgd\"", "optimizer.momentum=0.9", "clip.norm=1.0"}));

class DigitsAllocations : public Allocations, public testing::WithParamInterface<const char*> {};

TEST_P(DigitsAllocations, AreNoneWithConvolutions) {
  const std::string digits = std::string(TEMPER_SOURCE_DIR) + "/models/digits/";
  Session session(
      tiny_recipe(digits + "digits.onnx", digits + "digits.npz", path("run"),
                  {GetParam(), "train.steps=50", "log.every=1000", "data.batch_size=16"}));
  Counter counter;
  Trainer trainer(session, counter, false);
  trainer.run();
  test::stop_counting();
  EXPECT_EQ(counter.steps, 49);
  EXPECT_EQ(counter.ours, 0) << "at most " << counter.most << " in one step";
  std::printf("%lld steps: %lld allocations of ours, %.1f a step inside oneDNN\n",
              static_cast<long long>(counter.steps), static_cast<long long>(counter.ours),
              static_cast<double>(counter.library) / static_cast<double>(counter.steps));
}

INSTANTIATE_TEST_SUITE_P(Threads, DigitsAllocations,
                         testing::Values("train.threads=1", "train.threads=2"));

class AdversarialAllocations : public Allocations, public testing::WithParamInterface<Lines> {};

TEST_P(AdversarialAllocations, AreNoneAfterTheFirstIterationsOfARun) {
  write_tiny_generator(path("generator.onnx"));
  write_tiny_discriminator(path("discriminator.onnx"));
  Lines lines = {"train.steps=40", "log.every=1000", "checkpoint.every=1000",
                 "adversarial.samples_every=0"};
  lines.insert(lines.end(), GetParam().begin(), GetParam().end());
  AdversarialSession session(tiny_gan_recipe(folder_, "run", lines));
  Counter counter;
  AdversarialTrainer trainer(session, counter, false);
  trainer.run();
  test::stop_counting();
  EXPECT_EQ(counter.steps, 39);
  EXPECT_EQ(counter.ours, 0) << "at most " << counter.most << " in one iteration";
}

INSTANTIATE_TEST_SUITE_P(
    Losses, AdversarialAllocations,
    testing::Values(Lines{}, Lines{"adversarial.loss=\"wasserstein_gp\"", "adversarial.ratio=2"},
                    Lines{"adversarial.loss=\"wasserstein\""}));

// As Buffer::allocate() rounds.
std::int64_t rounded(std::int64_t bytes) { return (bytes + 64) / 64 * 64; }

TEST_F(Allocations, OfPrepareAreThePlannedBytes) {
  for (const Lines& lines :
       {Lines{}, Lines{"train.accumulate=3"}, Lines{"train.device=\"reference\""}}) {
    Session session(recipe(lines));
    RunObserver nobody;
    Trainer trainer(session, nobody, false);
    test::start_counting();
    const MemoryPlan planned = trainer.prepare();
    const AllocationCount count = test::stop_counting();
    std::set<const Buffer*> buffers;
    std::int64_t variables = 0, constants = 0, expected = 0;
    VariableStore& store = session.engine().store();
    for (int i = 0; i < store.count(); ++i) {
      const Buffer* buffer = store.look_at(i).buffer().get();
      if (buffers.insert(buffer).second) {
        variables += static_cast<std::int64_t>(buffer->bytes());
        expected += rounded(static_cast<std::int64_t>(buffer->bytes()));
      }
    }
    for (const GraphRequest& request : session.requests()) {
      const Plan& plan = session.engine().plan(request);
      expected += rounded(plan.readings_bytes);
      expected += rounded(static_cast<std::int64_t>(plan.steps.size() * sizeof(IndexFault)));
      for (const Tensor& constant : plan.constants) {
        constants += constant.bytes();
        expected += buffers.insert(constant.buffer().get()).second
                        ? rounded(static_cast<std::int64_t>(constant.buffer()->bytes()))
                        : 0;
      }
    }
    EXPECT_GT(planned.arena, 0);
    EXPECT_GT(planned.gradients, 0);
    EXPECT_EQ(planned.variables, variables);
    EXPECT_EQ(planned.constants, constants);
    EXPECT_EQ(count.live_aligned_bytes,
              expected + rounded(planned.arena) + rounded(planned.gradients));
  }
}

TEST_F(Allocations, AreSeenByTheCounter) {
  test::start_counting();
  auto one = std::make_unique<int>(1);
  auto buffer = Buffer::allocate(1000);
  const AllocationCount count = test::stop_counting();
  EXPECT_GE(count.ours, 3);  // the int, the buffer and its memory
  EXPECT_EQ(count.live_aligned_bytes, 1024);
}

}  // namespace
}  // namespace temper::training
