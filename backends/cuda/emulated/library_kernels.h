// Whose kernels do what the device's libraries would do.
#pragma once

#include <memory>

#include "runtime/backend/backend.h"

namespace temper::emulated {

void set_library_backend(std::unique_ptr<Backend> backend);

}  // namespace temper::emulated
