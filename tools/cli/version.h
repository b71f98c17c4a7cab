// The version of Temper.
#pragma once

namespace temper::cli {

// "0.1.0".
const char* version();

}  // namespace temper::cli
