// Why a kernel does not take a query, in words, and the answer of a row made of them.
#pragma once

#include <initializer_list>
#include <string>

#include "runtime/backend/kernel.h"

namespace temper::cpu {

// "" or why the library does not take a tensor of this size: it is empty, or its rows or the
// elements of one are more than 2^31 - 1, where the library's own arithmetic overflows (its matrix
// product then divides by zero).
std::string refuse_size(const Shape& shape);

// Whether every present tensor of the query is f32 (kOpaque and listed exceptions aside) and none
// is empty or too large.
std::string refuse_dtypes(const OpQuery& query);

// The same of kernels whose loops read and write f32 or bf16 at these inputs and outputs, all of
// them of the first input's type.
std::string refuse_row_types(const OpQuery& query, std::initializer_list<std::size_t> inputs,
                             std::initializer_list<std::size_t> outputs);

// Yes where there is no reason against it.
Support support_from(const std::string& reason);

}  // namespace temper::cpu
