// CRC-32C (Castagnoli), the checksum of TensorBoard's record files.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace temper::training {

std::uint32_t crc32c(std::span<const std::byte> bytes);

// The rotated and offset form that TFRecord stores, so that a checksum of checksums stays sound.
std::uint32_t masked_crc32c(std::span<const std::byte> bytes);

}  // namespace temper::training
