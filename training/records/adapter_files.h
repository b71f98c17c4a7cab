// Files of low-rank adapters (graph/onnx/surgery/lora.h) as the peft package has them: a
// .safetensors file, and adapter_config.json beside it.
#pragma once

#include <string>
#include <vector>

#include "graph/onnx/surgery/lora.h"

namespace temper::training {

// "base_model.model.LAYER.lora_A.weight" and so on; the factors alpha / r are in the metadata.
void write_adapters(const std::string& path, const std::vector<graph::LoraAdapter>& adapters);

// Of write_adapters(), of peft (adapter_model.safetensors, or the folder that has it), or of an
// ONNX file that `temper prepare --lora` made. The factor is that of the metadata, or what
// adapter_config.json says of alpha. THROWS: kInvalidModel for a file that breaks the format,
// kUnsupported for kinds of adapters that are not LoRA's (DoRA, of embeddings), naming them.
graph::LoraLoad read_adapters(const std::string& path);

}  // namespace temper::training
