// Makes a backend from a device's name: the only file that names all backends.
#pragma once

#include <memory>
#include <string_view>

#include "runtime/backend/backend.h"

namespace temper {

// "cpu", "reference", "cuda" or "cuda:1"; in builds for tests also "cuda-emulated". THROWS:
// kInvalidArgument for a name that is no device, kUnsupported saying what the device lacks here.
std::unique_ptr<Backend> make_backend(std::string_view device);

}  // namespace temper
