// The version of Temper.
#pragma once

namespace temper::cli {

inline constexpr const char* kVersion = TEMPER_VERSION;  // from CMake's project()

}  // namespace temper::cli
