// The device that cuDNN makes plans for, as cuDNN describes devices: plans are made from this text
// alone, on a machine with the device and on one without.
#pragma once

#include <string>

namespace temper::cuda {

struct CudnnDevice {
  int sm = 0;        // compute capability, such as 90
  std::string json;  // what cuDNN calls a device's properties
};

// What the text is made of.
struct CudnnDeviceFacts {
  std::string name;
  int sm = 0;
  int multiprocessors = 0;
  int registers_per_block = 65536, registers_per_multiprocessor = 65536;
  int shared_bytes = 49152, shared_optin_bytes = 0, shared_reserved_bytes = 1024;
  int blocks_per_multiprocessor = 0, threads_per_multiprocessor = 0;
  std::size_t memory_bytes = 0;
  int l2_bytes = 0, clock_khz = 0, memory_clock_khz = 0;
  int driver = 13000;
};

CudnnDevice describe(const CudnnDeviceFacts& facts);
// THROWS: kDevice.
CudnnDevice describe_open_device();

// The device of all plans made from now on, in place of the one that is open: for a check of what
// another device would get. Such plans cannot be run. Before the first plan, by one thread.
void set_planned_device(CudnnDevice device);

}  // namespace temper::cuda
