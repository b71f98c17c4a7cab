// What a GPU needs of this build and this machine, for `temper doctor`.
#pragma once

#include <string>
#include <vector>

namespace temper {

struct CudaPart {
  std::string name;
  std::string found;  // its version and where it is, or what is missing and what to install
};

// Starts nothing on a device. In a build without CUDA: what to build.
std::vector<CudaPart> cuda_parts();

}  // namespace temper
