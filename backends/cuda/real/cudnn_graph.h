// cuDNN's graph library behind functions without its types: its headers take 20 s to compile.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "backends/cuda/conv_pattern.h"
#include "backends/cuda/device.h"
#include "backends/cuda/real/cudnn_device.h"

namespace temper::cuda {

// What one pattern is done by on one device; never changes, and any thread may run it.
class CudnnGraph {
 public:
  virtual ~CudnnGraph() = default;
  CudnnGraph() = default;
  CudnnGraph(const CudnnGraph&) = delete;
  CudnnGraph& operator=(const CudnnGraph&) = delete;

  // The addresses of x, w and y, and of the bias where the pattern has one.
  virtual void run(void* x, void* w, void* y, void* bias, void* workspace,
                   StreamHandle stream) const = 0;

  std::size_t workspace_bytes = 0;
  std::string engine;  // as cuDNN names it
};

// Neither asks a device. THROWS: kUnsupported with the library's reason where it has no plan, or
// where the library is not there.
std::unique_ptr<CudnnGraph> build_graph(const ConvPattern& pattern, const CudnnDevice& device);

// What run() needs on the device, before a step is captured. THROWS: kDevice.
void open_cudnn();

// 90100 for 9.1.0. THROWS: kUnsupported where the library is not there.
std::size_t cudnn_version();

}  // namespace temper::cuda
