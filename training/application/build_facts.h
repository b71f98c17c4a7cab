// What this build is: for reports of trouble, and for programs that ask what they have.
#pragma once

#include "training/formats/json.h"

namespace temper::training {

// "0.1.0".
const char* version();

// An object: version, compiler, build type, architecture, kernels, devices, opsets, libraries.
JsonValue build_facts();

}  // namespace temper::training
