// The table of kernels of this backend, and what its rows have in common.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "backends/cuda/stream.h"
#include "runtime/backend/kernel_table.h"
#include "runtime/base/concat.h"

namespace temper::cuda {

inline constexpr std::string_view kFamily = "cuda";

// Written by CMake: calls register_<file stem>(KernelTable&) of every .cpp in kernels/.
void register_all_kernels(KernelTable& table);

// 16-bit floats from and to f32, by kernels (kernels/cast.cu).
void add_conversions(KernelTable& table);

// Elementwise ops and chains of them. `programs` outlives the table and all of its kernels.
class PrintedPrograms;
void add_elementwise(KernelTable& table, PrintedPrograms& programs);

// "No" when some input or output that is there has another type than f32.
Support only_f32(const OpQuery& query);

// "No" unless all inputs and outputs that are there have one type: f32, f16 or bf16.
Support one_float_type(const OpQuery& query);
// The same but for those named by number, which are f32.
Support one_float_type_beside(const OpQuery& query, std::initializer_list<std::size_t> f32_inputs,
                              std::initializer_list<std::size_t> f32_outputs);

// A row of one kernel: `make` takes the query.
template <class Make>
void add_row(KernelTable& table, std::string_view op, KernelTable::SupportsFunction supports,
             Make make) {
  table.add(op, kFamily, std::move(supports), std::move(make));
}

// Addresses of a query as the types the kernel reads.
template <class T>
const T* input(const KernelArgs& args, std::size_t i) {
  return static_cast<const T*>(args.inputs[i]);
}
template <class T>
T* output(const KernelArgs& args, std::size_t i) {
  return static_cast<T*>(args.outputs[i]);
}

}  // namespace temper::cuda
