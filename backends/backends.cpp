#include "backends/backends.h"

#include <charconv>
#include <system_error>
#include <utility>

#include "backends/cpu/cpu_backend.h"
#include "backends/cuda/cuda_backend.h"
#include "backends/reference/reference_backend.h"
#include "runtime/base/error.h"

namespace temper {
namespace {

constexpr std::string_view kAuto = "auto";

// "cuda" is the first GPU, "cuda:1" the second.
int ordinal_of(std::string_view device) {
  const std::string_view digits = device == "cuda" ? "0" : device.substr(device.find(':') + 1);
  int ordinal = -1;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), ordinal);
  TEMPER_CHECK(error == std::errc() && end == digits.data() + digits.size() && ordinal >= 0,
               ErrorCode::kInvalidArgument, "device '", device,
               "' names no GPU: write \"cuda\", or \"cuda:1\" for the second one");
  return ordinal;
}

}  // namespace

std::string DeviceChoice::note() const {
  return why.empty() ? "" : concat("train.device = \"", device, "\" (auto: ", why, ")");
}

DeviceChoice choose_device(std::string_view device) {
  if (device != kAuto) {
    return {std::string(device), {}};
  }
  try {
    auto gpu = make_cuda_backend(0);
    std::string why = concat("there is ", gpu->fingerprint());
    return {"cuda", std::move(why), std::move(gpu)};
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kUnsupported) {
      throw;
    }
    return {"cpu", error.message()};
  }
}

std::vector<std::string> device_names() {
  std::vector<std::string> names = {std::string(kAuto), "cpu", "reference"};
  if (has_cuda_backend()) {
    names.insert(names.end(), {"cuda", "cuda:N"});
  }
  if (has_emulated_cuda_backend()) {
    names.emplace_back(kEmulatedCudaDevice);
  }
  return names;
}

std::unique_ptr<Backend> make_backend(DeviceChoice choice) {
  return choice.opened != nullptr ? std::move(choice.opened) : make_backend(choice.device);
}

std::unique_ptr<Backend> make_backend(std::string_view device) {
  if (device == kAuto) {
    return make_backend(choose_device(device));
  }
  if (device == "cpu") {
    return cpu::make_cpu_backend(reference::register_all_kernels);
  }
  if (device == "reference") {
    return reference::make_reference_backend();
  }
  if (device == "cuda" || device.starts_with("cuda:")) {
    return make_cuda_backend(ordinal_of(device));
  }
  if (device == kEmulatedCudaDevice) {
    return make_emulated_cuda_backend(reference::make_reference_backend());
  }
  fail(ErrorCode::kInvalidArgument, "unknown device '", device, "': this build has ",
       join(device_names(), ", "),
       has_cuda_backend() ? "" : "; one built with -DTEMPER_CUDA=ON has cuda and cuda:N, too");
}

}  // namespace temper
