// Why a kernel does not take a query, in words, and the answer of a row made of them.
#pragma once

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

// Yes where there is no reason against it.
Support support_from(const std::string& reason);

}  // namespace temper::cpu
