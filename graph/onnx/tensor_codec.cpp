// Reading and writing TensorProto: raw bytes, the typed lists, external ranges.
#include "graph/onnx/tensor_codec.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>
#include <vector>

#include <onnx.pb.h>

#include "graph/onnx/onnx_types.h"
#include "runtime/base/error.h"
#include "runtime/base/float16.h"
#include "runtime/base/narrow_types.h"

namespace temper::graph {
namespace {

static_assert(std::endian::native == std::endian::little, "raw tensor data is little-endian");

std::int64_t bytes_in_file(DType stored, std::int64_t elements) {
  const auto bits = static_cast<std::int64_t>(file_bits(stored));
  // In two steps: the elements of a checked shape times 4 fit, times 64 may not.
  return bits >= 8 ? elements * (bits / 8) : elements / (8 / bits) + (elements % (8 / bits) != 0);
}

std::int64_t typed_count(const wire::TensorProto& proto, OnnxField field) {
  switch (field) {
    case OnnxField::kFloat:
      return proto.float_data_size();
    case OnnxField::kDouble:
      return proto.double_data_size();
    case OnnxField::kInt32:
      return proto.int32_data_size();
    case OnnxField::kInt64:
      return proto.int64_data_size();
    case OnnxField::kUint64:
      return proto.uint64_data_size();
    default:
      return 0;
  }
}

std::int64_t all_typed_counts(const wire::TensorProto& proto) {
  return std::int64_t{proto.float_data_size()} + proto.double_data_size() +
         proto.int32_data_size() + proto.int64_data_size() + proto.uint64_data_size() +
         proto.string_data_size();
}

// The element behind a number of a typed list: 16-bit floats are given by their bits.
template <class T, class N>
T from_number(N number) {
  if constexpr (std::is_same_v<T, Float16> || std::is_same_v<T, BFloat16>) {
    T value;
    value.bits = static_cast<std::uint16_t>(number);
    return value;
  } else if constexpr (std::is_same_v<T, bool>) {
    return number != 0;
  } else {
    return static_cast<T>(number);
  }
}

template <class N, class T>
N to_number(T value) {
  if constexpr (std::is_same_v<T, Float16> || std::is_same_v<T, BFloat16>) {
    return static_cast<N>(value.bits);
  } else {
    return static_cast<N>(value);
  }
}

// Calls f(element index, element of type T) for every stored element.
template <class T, class F>
void each_element(const wire::TensorProto& proto, OnnxField field, std::span<const std::byte> raw,
                  F&& f) {
  const auto from_list = [&](const auto& list) {
    for (int i = 0; i < list.size(); ++i) {
      f(static_cast<std::size_t>(i), from_number<T>(list.Get(i)));
    }
  };
  if (!raw.empty()) {
    using Stored = std::conditional_t<std::is_same_v<T, bool>, std::uint8_t, T>;
    const std::size_t count = raw.size() / sizeof(Stored);
    for (std::size_t i = 0; i < count; ++i) {
      Stored stored;
      std::memcpy(&stored, raw.data() + i * sizeof(Stored), sizeof(Stored));
      if constexpr (std::is_same_v<T, bool>) {
        f(i, stored != 0);
      } else {
        f(i, stored);
      }
    }
    return;
  }
  switch (field) {
    case OnnxField::kFloat:
      return from_list(proto.float_data());
    case OnnxField::kDouble:
      return from_list(proto.double_data());
    case OnnxField::kInt32:
      return from_list(proto.int32_data());
    case OnnxField::kInt64:
      return from_list(proto.int64_data());
    case OnnxField::kUint64:
      return from_list(proto.uint64_data());
    default:
      return;
  }
}

// One value as the file's type, refusing a finite one that becomes infinite.
template <class D, class S>
D narrow(S value, std::int64_t index, const std::string& what, std::int32_t file_type) {
  const D stored = convert_element<D>(value);
  if constexpr (!std::is_same_v<D, S> && !std::is_integral_v<D>) {
    const double back = convert_element<double>(stored);
    const double wanted = convert_element<double>(value);
    TEMPER_CHECK(!std::isinf(back) || std::isinf(wanted), ErrorCode::kInvalidArgument, what,
                 ": element ", index, " is ", wanted,
                 " after training, which does not fit the file's type ", onnx_type_name(file_type),
                 "; convert the model to FLOAT or lower the learning rate");
  }
  return stored;
}

// Elements of a tensor in logical order.
struct ElementRange {
  std::int64_t first = 0, count = 0;
};

// Calls f(index from 0, value of the file's type) for these elements, which begin at `data`.
template <class F>
void each_narrowed(std::int32_t file_type, DType dtype, const void* data, ElementRange range,
                   const std::string& what, F&& f) {
  visit_any(dtype, [&]<class S>() {
    const S* in = static_cast<const S*>(data);
    visit_any(facts_of_type(file_type).dtype, [&]<class D>() {
      for (std::int64_t i = 0; i < range.count; ++i) {
        f(static_cast<std::size_t>(i), narrow<D>(in[i], range.first + i, what, file_type));
      }
    });
  });
}

// The same for each element of a plain tensor.
template <class F>
void each_narrowed(std::int32_t file_type, const Tensor& values, const std::string& what, F&& f) {
  each_narrowed(file_type, values.dtype(), values.data(), {0, values.element_count()}, what,
                std::forward<F>(f));
}

}  // namespace

TensorHeader check_tensor(const wire::TensorProto& proto, const std::string& what) {
  TensorHeader header;
  header.file_type = proto.data_type();
  TEMPER_CHECK(is_known_onnx_type(header.file_type), ErrorCode::kInvalidModel, what,
               " has the element type ", header.file_type, ", which ONNX does not define");
  const std::string reason = unsupported_reason(proto);
  TEMPER_CHECK(reason.empty(), ErrorCode::kUnsupported, what, ": ", reason, " are not supported");
  const OnnxTypeFacts& type = facts_of_type(header.file_type);
  header.dtype = graph_dtype(header.file_type);
  header.file_element_bytes = size_of(type.dtype);
  TEMPER_CHECK(proto.dims_size() <= kMaxRank, ErrorCode::kUnsupported, what, " has ",
               proto.dims_size(), " dimensions; at most ", kMaxRank, " are supported");
  std::int64_t bytes =
      static_cast<std::int64_t>(std::max<std::size_t>(header.file_element_bytes, 4));
  for (const std::int64_t dim : proto.dims()) {
    TEMPER_CHECK(dim >= 0, ErrorCode::kInvalidModel, what, " has the dimension ", dim);
    header.shape.push_back(dim);
    // A zero must not hide an overflow of the others: strides are products too.
    bytes = checked_multiply(bytes, std::max<std::int64_t>(dim, 1), what.c_str());
  }
  header.elements = header.shape.element_count();
  header.file_bytes = bytes_in_file(type.dtype, header.elements);

  TEMPER_CHECK(proto.data_location() == 0 || proto.data_location() == 1, ErrorCode::kInvalidModel,
               what, " keeps its data at location ", proto.data_location(),
               ", which ONNX does not define");
  header.external = proto.data_location() == 1;
  // Elements of fewer than 8 bits share the numbers of a list as they share bytes.
  const std::int64_t wanted = is_narrow(type.dtype) ? header.file_bytes : header.elements;
  const std::int64_t typed = typed_count(proto, type.field);
  const std::int64_t all = all_typed_counts(proto);
  TEMPER_CHECK(all == typed, ErrorCode::kInvalidModel, what, " of type ", type.name,
               " keeps values in a field of another type");
  const bool raw = proto.has_held_at() || (proto.has_raw_data() && !proto.raw_data().empty());
  TEMPER_CHECK((header.external ? 1 : 0) + (raw ? 1 : 0) + (typed > 0 ? 1 : 0) <= 1,
               ErrorCode::kInvalidModel, what, " has data of two kinds");
  if (header.external) {
    return header;
  }
  if (raw || proto.has_raw_data()) {
    const auto size = static_cast<std::int64_t>(proto.has_held_at() ? proto.held_bytes()
                                                                    : proto.raw_data().size());
    TEMPER_CHECK(size == header.file_bytes || (size == 0 && typed == wanted),
                 ErrorCode::kInvalidModel, what, " of type ", type.name, " and shape ",
                 header.shape, " takes ", header.file_bytes, " bytes, but its raw_data has ", size);
  } else {
    TEMPER_CHECK(typed == wanted, ErrorCode::kInvalidModel, what, " of type ", type.name,
                 " and shape ", header.shape, " takes ", wanted, " values, but ", typed,
                 " are there");
  }
  return header;
}

ExternalRange data_range(const wire::TensorProto& proto, const TensorHeader& header,
                         const std::string& what) {
  return proto.has_held_at()
             ? held_range(proto)
             : external_range(proto, static_cast<std::uint64_t>(header.file_bytes), what);
}

Tensor decode_tensor(const wire::TensorProto& proto, const std::string& what,
                     ExternalReader* external) {
  const TensorHeader header = check_tensor(proto, what);
  const DType stored = facts_of_type(header.file_type).dtype;
  std::span<const std::byte> raw;
  if (header.external || proto.has_held_at()) {
    TEMPER_ASSERT(external != nullptr, what);
    raw = external->bytes(data_range(proto, header, what), what);
  } else if (proto.has_raw_data()) {
    raw = std::as_bytes(std::span<const char>(proto.raw_data().data(), proto.raw_data().size()));
  }
  Tensor out(header.dtype, header.shape, {}, "a tensor of the model");
  if (stored == header.dtype && stored != DType::kBool && !is_narrow(stored) && !raw.empty()) {
    std::memcpy(out.data(), raw.data(), raw.size());
    return out;
  }
  if (is_narrow(stored)) {
    std::vector<std::uint8_t> packed(static_cast<std::size_t>(header.file_bytes));
    each_element<std::uint8_t>(proto, OnnxField::kInt32, raw,
                               [&](std::size_t i, std::uint8_t byte) { packed[i] = byte; });
    unpack_codes(stored, packed.data(), header.elements, static_cast<std::uint8_t*>(out.data()));
    return out;
  }
  visit_any(stored, [&]<class S>() {
    const auto copy = [&]<class D>() {
      D* to = static_cast<D*>(out.data());
      each_element<S>(proto, facts_of_type(header.file_type).field, raw,
                      [&](std::size_t i, S value) { to[i] = convert_element<D>(value); });
    };
    if constexpr (std::is_same_v<S, Float16> || std::is_same_v<S, BFloat16>) {
      copy.template operator()<float>();
    } else {
      copy.template operator()<S>();
    }
  });
  return out;
}

void decode_floats(std::int32_t file_type, std::span<const std::byte> raw,
                   std::span<std::byte> out) {
  const DType stored = facts_of_type(file_type).dtype;
  if (stored == graph_dtype(file_type)) {
    std::memcpy(out.data(), raw.data(), out.size());
    return;
  }
  visit_any(stored, [&]<class S>() {
    for (std::size_t i = 0; i < out.size() / sizeof(float); ++i) {
      S value;
      std::memcpy(&value, raw.data() + i * sizeof(S), sizeof value);
      const auto wide = convert_element<float>(value);
      std::memcpy(out.data() + i * sizeof wide, &wide, sizeof wide);
    }
  });
}

void encode_pieces(std::int32_t file_type, const PlainValue& value, const std::string& what,
                   const TakePiece& sink) {
  if (value.dtype == facts_of_type(file_type).dtype) {
    value.for_each_piece(sink);
    return;
  }
  const std::size_t width = size_of(facts_of_type(file_type).dtype);
  std::vector<std::byte> stored;
  std::int64_t first = 0;
  value.for_each_piece([&](std::span<const std::byte> piece) {
    const auto count = static_cast<std::int64_t>(piece.size() / size_of(value.dtype));
    stored.resize(static_cast<std::size_t>(count) * width);
    each_narrowed(file_type, value.dtype, piece.data(), {first, count}, what,
                  [&](std::size_t i, auto narrowed) {
                    std::memcpy(stored.data() + i * width, &narrowed, sizeof narrowed);
                  });
    sink(stored);
    first += count;
  });
}

std::string encode_raw(std::int32_t file_type, const Tensor& values, const std::string& what) {
  const Tensor plain = values.layout().plain ? values : values.to_plain();
  const DType type = facts_of_type(file_type).dtype;
  const std::size_t width = size_of(type);
  if (is_narrow(type) && plain.dtype() == type) {
    std::string packed(static_cast<std::size_t>(bytes_in_file(type, plain.element_count())), '\0');
    pack_codes(type, static_cast<const std::uint8_t*>(plain.data()), plain.element_count(),
               reinterpret_cast<std::uint8_t*>(packed.data()));
    return packed;
  }
  std::string raw(static_cast<std::size_t>(plain.element_count()) * width, '\0');
  each_narrowed(file_type, plain, what, [&](std::size_t i, auto value) {
    std::memcpy(raw.data() + i * width, &value, sizeof value);
  });
  return raw;
}

void encode_inline(wire::TensorProto& proto, const Tensor& values, const std::string& what) {
  const std::int32_t file_type = proto.data_type();
  const OnnxField field = facts_of_type(file_type).field;
  if (proto.has_raw_data() && typed_count(proto, field) == 0) {
    proto.set_raw_data(encode_raw(file_type, values, what));
    return;
  }
  const Tensor plain = values.layout().plain ? values : values.to_plain();
  each_narrowed(file_type, plain, what, [&](std::size_t index, auto value) {
    const int i = static_cast<int>(index);
    switch (field) {
      case OnnxField::kFloat:
        proto.mutable_float_data()->Set(i, to_number<float>(value));
        break;
      case OnnxField::kDouble:
        proto.mutable_double_data()->Set(i, to_number<double>(value));
        break;
      case OnnxField::kInt32:
        proto.mutable_int32_data()->Set(i, to_number<std::int32_t>(value));
        break;
      case OnnxField::kInt64:
        proto.mutable_int64_data()->Set(i, to_number<std::int64_t>(value));
        break;
      case OnnxField::kUint64:
        proto.mutable_uint64_data()->Set(i, to_number<std::uint64_t>(value));
        break;
      default:
        break;
    }
  });
}

}  // namespace temper::graph
