// Matrices of elements of four bytes turned over, in AVX-512, AVX2 and plain form.
#pragma once

#include <cstdint>

namespace temper::cpu {

// to[j * to_row + i] = from[i * from_row + j] for i < rows, j < columns, in elements.
void transpose_words(const void* from, std::int64_t from_row, void* to, std::int64_t to_row,
                     std::int64_t rows, std::int64_t columns);

}  // namespace temper::cpu
