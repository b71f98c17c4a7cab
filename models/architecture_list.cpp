#include "models/architecture_list.h"

namespace temper::models {

std::vector<Architecture> architecture_list() {
  std::vector<Architecture> all;
  const auto take = [&](std::vector<Architecture> some) {
    all.insert(all.end(), some.begin(), some.end());
  };
  take({mlp(), lenet(), convnet()});
  take(resnets());
  take({mobilenet_v2(), unet(), vit(), bert(), gpt(), llama()});
  take(recurrent_networks());
  take({tcn(), autoencoder()});
  take(dcgan());
  return all;
}

ModelOption classes_option(std::int64_t fallback) {
  return {"classes", fallback, "outputs of the last layer"};
}

ModelOption channels_option(std::int64_t fallback) {
  return {"channels", fallback, "of the pictures"};
}

ModelOption image_size_option(std::int64_t fallback, std::int64_t least) {
  return {"image-size", fallback, "height and width of the pictures", least};
}

ModelOption dropout_option(double fallback) {
  return {"dropout", fallback, "share that training drops"};
}

ValueId image_input(Network& n, const Attrs& options) {
  const graph::Dim size = fixed_dim(options.get_int("image-size", 0));
  return n.input("input", DType::kFloat32,
                 {open_dim("batch"), fixed_dim(options.get_int("channels", 0)), size, size});
}

void class_output(Network& n, ValueId logits, const Attrs& options) {
  n.output("logits", logits, {open_dim("batch"), fixed_dim(options.get_int("classes", 0))});
}

}  // namespace temper::models
