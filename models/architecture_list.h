// All architectures, and what their files share.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "models/architecture.h"

namespace temper::models {

std::vector<Architecture> architecture_list();

// One function per file of this folder.
Architecture mlp();
Architecture lenet();
Architecture convnet();
std::vector<Architecture> resnets();
Architecture mobilenet_v2();
Architecture unet();
Architecture vit();
Architecture bert();
Architecture gpt();
Architecture llama();
std::vector<Architecture> recurrent_networks();
Architecture tcn();
Architecture autoencoder();
std::vector<Architecture> dcgan();

// --- options that several have
// ---------------------------------------------------------------------

ModelOption classes_option(std::int64_t fallback);
ModelOption channels_option(std::int64_t fallback);
ModelOption image_size_option(std::int64_t fallback, std::int64_t least = 1);
ModelOption dropout_option(double fallback);

// [batch, channels, size, size] of float32, as "input".
ValueId image_input(Network& n, const Attrs& options);
// [batch, classes], as "logits".
void class_output(Network& n, ValueId logits, const Attrs& options);

}  // namespace temper::models
