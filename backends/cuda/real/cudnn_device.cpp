#include "backends/cuda/real/cudnn_device.h"

#include <cuda_runtime_api.h>

#include "backends/cuda/real/check.h"
#include "runtime/base/concat.h"

namespace temper::cuda {
namespace {

int attribute(cudaDeviceAttr which, int ordinal) {
  int value = 0;
  check(cudaDeviceGetAttribute(&value, which, ordinal), "asking the device what it is");
  return value;
}

}  // namespace

CudnnDevice describe(const CudnnDeviceFacts& f) {
  const auto pair = [](const char* key, auto value) {
    return concat("\"", key, "\":", value, ",");
  };
  std::string json = "{\"maxGridSize\":[2147483647,65535,65535],\"maxBlockSize\":[1024,1024,64],";
  json += pair("regsPerBlock", f.registers_per_block);
  json += pair("multiProcessorCount", f.multiprocessors);
  json += pair("warpSize", 32);
  json += pair("maxSharedMemoryPerBlock", f.shared_bytes);
  json += pair("maxSharedMemoryPerBlockOptin", f.shared_optin_bytes);
  json += pair("reservedSharedMemoryPerBlock", f.shared_reserved_bytes);
  json += pair("maxRegistersPerSM", f.registers_per_multiprocessor);
  json += pair("maxCtasPerSM", f.blocks_per_multiprocessor);
  json += pair("maxThreadsPerBlock", 1024);
  json += pair("maxThreadsPerSM", f.threads_per_multiprocessor);
  json += pair("pciDeviceId", 0) + pair("isTccDriver", 0) + pair("supportCoopLaunch", 1);
  json += pair("totalGlobalMem", f.memory_bytes);
  json += pair("smClockRateKHz", f.clock_khz);
  json += pair("memClockRateKHz", f.memory_clock_khz);
  json += pair("l2CacheSize", f.l2_bytes);
  json += pair("cudaDeviceId", 0);
  json += pair("deviceVer", f.sm * 10);
  json += pair("driverVer", f.driver);
  std::string name;
  for (const char letter : f.name) {
    name += letter == '"' || letter == '\\' ? ' ' : letter;
  }
  json += concat("\"deviceName\":\"", name, "\"}");
  return {f.sm, json};
}

CudnnDevice describe_open_device() {
  int ordinal = 0;
  check(cudaGetDevice(&ordinal), "asking for the device");
  cudaDeviceProp p;
  check(cudaGetDeviceProperties(&p, ordinal), "asking the device what it is");
  CudnnDeviceFacts facts;
  facts.name = p.name;
  facts.sm = p.major * 10 + p.minor;
  facts.multiprocessors = p.multiProcessorCount;
  facts.registers_per_block = p.regsPerBlock;
  facts.registers_per_multiprocessor = p.regsPerMultiprocessor;
  facts.shared_bytes = static_cast<int>(p.sharedMemPerBlock);
  facts.shared_optin_bytes = static_cast<int>(p.sharedMemPerBlockOptin);
  facts.shared_reserved_bytes = static_cast<int>(p.reservedSharedMemPerBlock);
  facts.blocks_per_multiprocessor = p.maxBlocksPerMultiProcessor;
  facts.threads_per_multiprocessor = p.maxThreadsPerMultiProcessor;
  facts.memory_bytes = p.totalGlobalMem;
  facts.l2_bytes = p.l2CacheSize;
  facts.clock_khz = attribute(cudaDevAttrClockRate, ordinal);
  facts.memory_clock_khz = attribute(cudaDevAttrMemoryClockRate, ordinal);
  check(cudaDriverGetVersion(&facts.driver), "asking for the driver's version");
  return describe(facts);
}

}  // namespace temper::cuda
