// What both sides make their backend by.
#pragma once

#include <memory>
#include <string>

#include "runtime/backend/backend.h"

namespace temper::cuda {

// THROWS: as open_device().
std::unique_ptr<Backend> make_device_backend(std::string name, int ordinal);

}  // namespace temper::cuda
