// The keys of [clip].
#include "training/recipe/key_field.h"

namespace temper::training {

std::vector<RecipeKey> clip_keys() {
  return {
      key(
          "clip.norm", "largest global gradient norm; 0: no clipping",
          [](Recipe& r) -> auto& { return r.clip_norm; }, not_negative),
  };
}

}  // namespace temper::training
