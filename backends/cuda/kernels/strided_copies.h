// Elements of any type moved from places to places.
#pragma once

#include <cstddef>
#include <cstdint>

#include "backends/cuda/device.h"
#include "backends/cuda/device/places.h"

namespace temper::cuda {

// y[places.find(i, 1)] = x[places.find(i, 0)]; elements of 1, 2, 4, 8 or 16 bytes.
void copy_strided(const Places<2>& places, std::size_t element_bytes, const void* x, void* y,
                  StreamHandle stream);

// y[i] = the low bytes of `bits`.
void fill_elements(std::size_t element_bytes, std::uint64_t bits, void* y, std::int64_t count,
                   StreamHandle stream);

// y = x where *ok.
void copy_if(const bool* ok, const void* x, void* y, std::int64_t bytes, StreamHandle stream);

}  // namespace temper::cuda
