// NVRTC's functions as they are called here, declared from its documentation and looked up in the
// library, so that no header of it is needed to build.
#pragma once

#include <cstddef>

namespace temper::cuda::nvrtc {

using Program = struct ProgramHandle*;

using Version = int (*)(int* major, int* minor);
using GetNumSupportedArchs = int (*)(int* count);
using GetSupportedArchs = int (*)(int* architectures);
using GetErrorString = const char* (*)(int result);
using CreateProgram = int (*)(Program* program, const char* source, const char* name, int headers,
                              const char* const* texts, const char* const* names);
using DestroyProgram = int (*)(Program* program);
using CompileProgram = int (*)(Program program, int options, const char* const* values);
using GetSize = int (*)(Program program, std::size_t* size);
using GetText = int (*)(Program program, char* text);

}  // namespace temper::cuda::nvrtc
