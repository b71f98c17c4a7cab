// Tensors between ONNX's encodings and ours. 16-bit floats are read as float32 and rounded back
// when written.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "graph/onnx/external_data.h"
#include "graph/onnx/onnx_types.h"
#include "runtime/memory/plain_pieces.h"
#include "runtime/memory/tensor.h"

namespace temper::wire {
class TensorProto;
}

namespace temper::graph {

// What the file says of a tensor, checked: nothing has been allocated yet.
struct TensorHeader {
  std::int32_t file_type = 0;       // TensorProto.DataType
  DType dtype = DType::kUndefined;  // in the graph
  std::size_t file_element_bytes = 0;
  Shape shape;
  std::int64_t elements = 0;
  std::int64_t file_bytes = 0;  // as raw data
  bool external = false;
};

// THROWS: kInvalidModel (`what` names the tensor): negative or overflowing dimensions, data of
// another size than the shape's, two kinds of data. kUnsupported: unsupported_reason(), rank
// above 12.
TensorHeader check_tensor(const wire::TensorProto& proto, const std::string& what);

// Where the bytes are of a tensor that is external, or held (held_at): outside the message.
ExternalRange data_range(const wire::TensorProto& proto, const TensorHeader& header,
                         const std::string& what);

// The values. `external` may be null when the data is inside the message.
Tensor decode_tensor(const wire::TensorProto& proto, const std::string& what,
                     ExternalReader* external);

// Floats as a file stores them raw into `out`, in the graph's type.
void decode_floats(std::int32_t file_type, std::span<const std::byte> raw,
                   std::span<std::byte> out);

// Calls `sink` with the values as the file's type stores them raw, a piece at a time. THROWS: as
// encode_raw.
void encode_pieces(std::int32_t file_type, const PlainValue& value, const std::string& what,
                   const TakePiece& sink);

// The values as the file's type stores them raw. THROWS: kInvalidArgument when a finite value
// becomes infinite.
std::string encode_raw(std::int32_t file_type, const Tensor& values, const std::string& what);
// Replaces values that lie inside the message, in the field they already are in. THROWS as
// encode_raw.
void encode_inline(wire::TensorProto& proto, const Tensor& values, const std::string& what);

}  // namespace temper::graph
