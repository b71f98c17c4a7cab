// Tensors of DLPack and Temper's.
#pragma once

#include <cstddef>

#include "api/temper/temper.h"
#include "training/application/array_trainer.h"

namespace temper::api {

// A view of the caller's memory where that is compact, else a copy. `name`: for messages. THROWS:
// kInvalidArgument for what is no tensor; kUnsupported for a device's memory or a type that is not
// read.
Tensor tensor_of(const DLTensor& given, const char* name);
training::NamedArrays arrays_of(const temper_array* arrays, std::size_t count);

// THROWS: kUnsupported for a type that DLPack has not.
DLDataType dl_type(DType dtype);
// Copies all elements, converted, into memory of the caller. THROWS: kInvalidArgument for another
// shape.
void copy_out(const Tensor& value, const DLTensor& into, const char* name);

}  // namespace temper::api
