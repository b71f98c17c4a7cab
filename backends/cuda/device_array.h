// A table that kernels read, made when addresses are bound.
#pragma once

#include <cstring>
#include <utility>
#include <vector>

#include "backends/cuda/memory.h"

namespace temper::cuda {

template <class T>
class DeviceArray {
 public:
  DeviceArray() = default;
  // Waits for the copy. THROWS: kOutOfMemory.
  DeviceArray(const std::vector<T>& values, StreamHandle stream)
      : bytes_(values.size() * sizeof(T)) {
    if (bytes_ == 0) {
      return;
    }
    data_ = static_cast<T*>(allocate_for("a kernel's table", bytes_));
    void* staged = allocate_pinned(bytes_);
    std::memcpy(staged, values.data(), bytes_);
    copy_in(data_, staged, bytes_, stream);
    synchronize(stream);
    release_pinned(staged);
  }
  DeviceArray(DeviceArray&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), bytes_(other.bytes_) {}
  DeviceArray& operator=(DeviceArray&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~DeviceArray() {
    if (data_ != nullptr) {
      release(data_, bytes_);
    }
  }

  const T* address() const { return data_; }

 private:
  T* data_ = nullptr;
  std::size_t bytes_ = 0;
};

}  // namespace temper::cuda
