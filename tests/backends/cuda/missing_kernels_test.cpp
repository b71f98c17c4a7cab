// backends/cuda/missing_kernels.md lists the ops that the CUDA backend has no kernel for. It is
// written from the kernel tables when TEMPER_UPDATE_REFERENCE=1 is set, and compared otherwise.
#include <gtest/gtest.h>
#include <temper_test_paths.h>

#include <string>

#include "backends/backends.h"
#include "backends/cuda/cuda_backend.h"
#include "tests/generated_page.h"

namespace temper {
namespace {

TEST(MissingKernelsPage, IsWrittenFromTheTables) {
  if (!has_emulated_cuda_backend()) {
    GTEST_SKIP() << "this build has no emulated device (TEMPER_DEVICE_EMULATED)";
  }
  const auto reference = make_backend("reference"), cuda = make_backend("cuda-emulated");
  std::string missing;
  int there = 0, lacking = 0;
  for (const std::string& op : reference->kernels().ops()) {
    const bool has = !cuda->kernels().rows(op).empty();
    (has ? there : lacking) += 1;
    if (!has) {
      missing += "- " + op + "\n";
    }
  }
  std::string page =
      "# Ops without a CUDA kernel\n\nWritten by `TEMPER_UPDATE_REFERENCE=1 build/test_backends "
      "--gtest_filter='MissingKernelsPage*'`. A model that needs one of these is refused for "
      "`train.device = \"cuda\"`, with all of them named.\n\n";
  page += std::to_string(there) + " ops have a kernel, these " + std::to_string(lacking) +
          " have none:\n\n" + missing;
  test::expect_page(TEMPER_SOURCE_DIR, "backends/cuda/missing_kernels.md", page);
}

}  // namespace
}  // namespace temper
