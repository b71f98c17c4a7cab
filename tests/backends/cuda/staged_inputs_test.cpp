// Inputs that come in by a stream of their own, on the emulated device, whose streams go on in
// whatever order a seed draws: no step sees another one's input.
#include "runtime/exec/staged_inputs.h"

#include <gtest/gtest.h>

#include <vector>

#include "backends/backends.h"
#include "backends/cuda/cuda_backend.h"
#include "backends/cuda/emulated/emulated_device.h"

namespace temper {
namespace {

constexpr std::size_t kSteps = 12;

PlanPort port_of(std::int64_t elements) {
  PlanPort port;
  port.dtype = DType::kFloat32;
  port.shape = {elements};
  return port;
}

Tensor all_of(std::int64_t elements, float number) {
  return Tensor::from<float>(DType::kFloat32, {elements},
                             std::vector<float>(static_cast<std::size_t>(elements), number));
}

// What steps see that do nothing but keep their inputs: the first of one number, given before each
// step, the second of 1000 numbers, given before every third.
struct Seen {
  std::vector<float> first, second;

  friend bool operator==(const Seen&, const Seen&) = default;
};

class Steps {
 public:
  Steps()
      : backend_(make_backend(kEmulatedCudaDevice)),
        memory_(backend_->memory()),
        compute_(backend_->make_stream()),
        copies_(compute_->make_beside()),
        inputs_({port_of(1), port_of(1000)}, memory_, *compute_, copies_.get()),
        kept_(Buffer::allocate(2 * kSteps * sizeof(float), "what steps saw", memory_)) {}
  ~Steps() { compute_->wait_all(); }

  void issue(std::size_t step) {
    const auto number = static_cast<float>(step);
    inputs_.give(0, all_of(1, number));
    if (step % 3 == 0) {
      inputs_.give(1, all_of(1000, 100 + number));
    }
    inputs_.queue();
    keep(step, inputs_.address(0));
    keep(kSteps + step, static_cast<const float*>(inputs_.address(1)) + 999);
  }
  Seen seen() {
    std::vector<float> all(2 * kSteps);
    memory_.copy_out(all.data(), kept_->address(), kept_->bytes(), *compute_);
    compute_->wait_all();
    const auto middle = all.begin() + kSteps;
    return {{all.begin(), middle}, {middle, all.end()}};
  }

 private:
  void keep(std::size_t place, const void* from) {
    memory_.copy_within(kept_->address() + place * sizeof(float),
                        static_cast<const std::byte*>(from), sizeof(float), *compute_);
  }

  std::unique_ptr<Backend> backend_;
  DeviceMemory& memory_;
  std::unique_ptr<Stream> compute_, copies_;
  StagedInputs inputs_;
  std::shared_ptr<Buffer> kept_;
};

Seen expected() {
  Seen made;
  for (std::size_t step = 0; step < kSteps; ++step) {
    made.first.push_back(static_cast<float>(step));
    made.second.push_back(static_cast<float>(100 + step / 3 * 3));
  }
  return made;
}

class InputsOnTheirWay : public testing::Test {
 protected:
  void SetUp() override {
    if (!has_emulated_cuda_backend()) {
      GTEST_SKIP() << "this build has no emulated device (TEMPER_DEVICE_EMULATED)";
    }
  }
};

TEST_F(InputsOnTheirWay, AreOverwrittenNeitherBeforeNorAfterTheirStepInAnyOrderOfStreams) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    Steps steps;
    const emulated::RestlessStreams restless(seed);
    for (std::size_t step = 0; step < kSteps; ++step) {
      steps.issue(step);
    }
    ASSERT_EQ(steps.seen(), expected()) << "seed " << seed;
  }
}

TEST_F(InputsOnTheirWay, AreWaitedForByTheStepAloneAndNotByTheHost) {
  Steps steps;
  const emulated::DeviceCounts before = emulated::device_counts();
  for (std::size_t step = 0; step < kSteps; ++step) {
    steps.issue(step);
  }
  const emulated::DeviceCounts after = emulated::device_counts();
  EXPECT_EQ(after.waits, before.waits);
  EXPECT_EQ(after.allocations, before.allocations);
  EXPECT_EQ(steps.seen(), expected());
}

TEST(DeviceChoices, GiveTheBackendThatWasOpenedForThem) {
  DeviceChoice choice{"cpu", "for a reason", make_backend("reference")};
  const Backend* opened = choice.opened.get();
  EXPECT_EQ(make_backend(std::move(choice)).get(), opened);
  EXPECT_EQ(make_backend(DeviceChoice{"cpu", ""})->name(), "cpu");
}

}  // namespace
}  // namespace temper
