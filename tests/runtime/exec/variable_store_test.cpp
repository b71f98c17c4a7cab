// Every operation of the store, on the host and on a device the host cannot touch, for plain and
// blocked variables of all kinds of elements.
#include "runtime/exec/variable_store.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <numeric>

#include "backends/backends.h"
#include "runtime/base/concat.h"
#include "runtime/base/low_copy.h"
#include "tests/guarded_backend.h"

namespace temper {
namespace {

// [2, 3, 2] with the middle axis in blocks of 4, so with padding.
Layout blocked() {
  Layout layout;
  layout.plain = false;
  layout.rank = 3;
  layout.padded = {2, 4, 2};
  layout.strides = {8, 8, 4};
  layout.inner_count = 1;
  layout.inner_block[0] = 4;
  layout.inner_axis[0] = 1;
  return layout;
}

struct Case {
  bool on_device;
  DType dtype;
  bool is_blocked;
};

class StoreOperations : public testing::TestWithParam<Case> {
 protected:
  StoreOperations()
      : backend_(GetParam().on_device ? test::make_guarded_backend(make_backend("reference"))
                                      : make_backend("reference")),
        stream_(backend_->make_stream()),
        store_(backend_->memory(), *stream_) {
    const Layout layout = GetParam().is_blocked ? blocked() : Layout{};
    for (const char* name : {"a", "b"}) {
      store_.add({name, GetParam().dtype, shape_, layout, "", {}});
    }
    store_.add({"large", GetParam().dtype, {700, 900}, {}, "", {}});
    store_.add({"large2", GetParam().dtype, {700, 900}, {}, "", {}});
    store_.add({"scalar", GetParam().dtype, {}, {}, "", {}});
    store_.allocate();
  }

  Tensor counting(const Shape& shape, double from = 1) const {
    std::vector<double> values(static_cast<std::size_t>(shape.element_count()));
    for (std::size_t i = 0; i < values.size(); ++i) {
      values[i] = static_cast<double>(
          (static_cast<std::int64_t>(from) + static_cast<std::int64_t>(i)) % 100);
    }
    return Tensor::from<double>(GetParam().dtype, shape, values);
  }

  const Shape shape_{2, 3, 2};
  std::unique_ptr<Backend> backend_;
  std::unique_ptr<Stream> stream_;
  VariableStore store_;
};

TEST_P(StoreOperations, SetThenGetGivesTheValues) {
  EXPECT_TRUE(equal_bits(store_.get(0), Tensor(GetParam().dtype, shape_)));
  store_.set(0, counting(shape_));
  store_.set(2, counting({700, 900}));
  EXPECT_TRUE(equal_bits(store_.get(0), counting(shape_)));
  EXPECT_TRUE(equal_bits(store_.get(2), counting({700, 900})));
  EXPECT_TRUE(store_.get(0).layout().plain);
  // Of another type: converted.
  store_.set(0, Tensor::from<double>(DType::kFloat64, shape_, counting(shape_).values<double>()));
  EXPECT_TRUE(equal_bits(store_.get(0), counting(shape_)));
  EXPECT_THROW(store_.set(0, counting({3, 2, 2})), Error);
}

TEST_P(StoreOperations, StoredFormsComeBackWithTheirPadding) {
  store_.set(0, counting(shape_));
  const Tensor stored = store_.get_stored(0);
  EXPECT_EQ(stored.layout(), store_.variable(0).layout);
  EXPECT_TRUE(equal_bits(stored.to_plain(), counting(shape_)));
  store_.zero(0);
  EXPECT_TRUE(equal_bits(store_.get(0), Tensor(GetParam().dtype, shape_)));
  store_.set_stored(0, stored);
  EXPECT_TRUE(equal_bits(store_.look_at(0), counting(shape_)));
  EXPECT_THROW(store_.set_stored(2, stored), Error);
}

TEST_P(StoreOperations, ScalarsAreConverted) {
  store_.set_scalar<std::int64_t>(4, 7);
  EXPECT_EQ(store_.get_scalar<double>(4), 7.0);
  EXPECT_EQ(store_.get_scalar<std::int64_t>(4), 7);
  store_.set_scalar(4, 9.0);
  EXPECT_EQ(store_.get(4).values<double>().front(), 9.0);
}

TEST_P(StoreOperations, CopySwapAndZeroActOnThoseVariablesAlone) {
  store_.set(0, counting(shape_));
  store_.copy(0, 1);
  store_.zero(0);
  EXPECT_TRUE(equal_bits(store_.get(0), Tensor(GetParam().dtype, shape_)));
  EXPECT_TRUE(equal_bits(store_.get(1), counting(shape_)));
  store_.swap(0, 1);
  EXPECT_TRUE(equal_bits(store_.get(0), counting(shape_)));
  EXPECT_TRUE(equal_bits(store_.get(1), Tensor(GetParam().dtype, shape_)));
  store_.set(2, counting({700, 900}, 5));
  store_.set(3, counting({700, 900}, 50));
  store_.swap(2, 3);
  EXPECT_TRUE(equal_bits(store_.get(2), counting({700, 900}, 50)));
  EXPECT_TRUE(equal_bits(store_.get(3), counting({700, 900}, 5)));
  EXPECT_THROW(store_.copy(0, 2), Error);
  EXPECT_THROW(store_.swap(2, 0), Error);
}

TEST_P(StoreOperations, PlainPiecesAreTheBytesOfTheValue) {
  for (const int id : {0, 2, 4}) {
    const Tensor value = counting(store_.variable(id).shape);
    store_.set(id, value);
    std::vector<std::byte> all;
    store_.for_each_plain_piece(id, [&](std::span<const std::byte> piece) {
      all.insert(all.end(), piece.begin(), piece.end());
    });
    ASSERT_EQ(all.size(), static_cast<std::size_t>(value.bytes()));
    EXPECT_EQ(std::memcmp(all.data(), value.data(), all.size()), 0);
  }
}

TEST_P(StoreOperations, FiniteMeansEveryElement) {
  EXPECT_TRUE(store_.all_finite(2));
  const DType dtype = GetParam().dtype;
  if (dtype != DType::kFloat32 && dtype != DType::kFloat64) {
    return;
  }
  for (const int id : {0, 2}) {
    const Shape& shape = store_.variable(id).shape;
    std::vector<double> values = counting(shape).values<double>();
    for (const double bad :
         {std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::quiet_NaN()}) {
      values.back() = bad;
      store_.set(id, Tensor::from<double>(dtype, shape, values));
      EXPECT_FALSE(store_.all_finite(id));
    }
    values.back() = 1e30;
    store_.set(id, Tensor::from<double>(dtype, shape, values));
    EXPECT_TRUE(store_.all_finite(id));
  }
}

TEST_P(StoreOperations, ARangeIsSetInPlace) {
  if (GetParam().dtype != DType::kFloat64) {
    EXPECT_THROW(store_.set_range<double>(2, 0, std::vector<double>{1}), Error);
    return;
  }
  store_.set_range<double>(2, 3, std::vector<double>{8, 9});
  const std::vector<double> values = store_.get(2).values<double>();
  EXPECT_EQ(values[2], 0);
  EXPECT_EQ(values[3], 8);
  EXPECT_EQ(values[4], 9);
  EXPECT_EQ(values[5], 0);
  EXPECT_THROW(store_.set_range<double>(4, 1, std::vector<double>{1}), Error);
}

std::vector<Case> all_cases() {
  std::vector<Case> cases;
  for (const bool on_device : {false, true}) {
    for (const DType dtype : {DType::kFloat32, DType::kFloat64, DType::kBFloat16, DType::kFloat16,
                              DType::kInt64, DType::kInt32, DType::kUInt8}) {
      cases.push_back({on_device, dtype, false});
      cases.push_back({on_device, dtype, true});
    }
  }
  return cases;
}

INSTANTIATE_TEST_SUITE_P(Everywhere, StoreOperations, testing::ValuesIn(all_cases()),
                         [](const auto& each) {
                           return concat(each.param.on_device ? "device_" : "host_",
                                         to_string(each.param.dtype),
                                         each.param.is_blocked ? "_blocked" : "_plain");
                         });

// Padding that is not finite says nothing of the variable.
TEST(StoreOperation, FiniteIsNotAskedOfPadding) {
  VariableStore store;
  store.add({"a", DType::kFloat32, {2, 3, 2}, blocked(), "", {}});
  store.allocate();
  Tensor stored = store.get_stored(0);
  const float nan = std::nanf("");
  for (float& value : stored.span<float>()) {
    value = nan;
  }
  copy_elements(Tensor(DType::kFloat32, Shape{2, 3, 2}), stored);  // leaves padding alone
  store.set_stored(0, stored);
  EXPECT_TRUE(store.all_finite(0));
}

// ---------------------------------------------------------------- copies in 16 bits

class LowCopies : public testing::TestWithParam<bool> {
 protected:
  LowCopies()
      : backend_(GetParam() ? test::make_guarded_backend(make_backend("reference"))
                            : make_backend("reference")),
        stream_(backend_->make_stream()),
        store_(backend_->memory(), *stream_) {
    for (const char* name : {"a", "b"}) {
      const int id = store_.add({name, DType::kFloat32, {5}, {}, "", {}});
      store_.add({concat(name, ".bf16"), DType::kBFloat16, {5}, {}, "", low_copy_of(id)});
    }
    store_.allocate();
  }

  void expect_follows(const char* after) const {
    for (const int id : {0, 2}) {
      const Tensor value = store_.get(id);
      Tensor rounded(DType::kBFloat16, value.shape());
      copy_elements(value, rounded);
      EXPECT_EQ(store_.get(id + 1).values<float>(), rounded.values<float>())
          << after << ", variable " << id;
    }
  }
  static Tensor thirds(float first) {
    return Tensor::from<float>(
        DType::kFloat32, {5},
        std::vector<float>{first / 3, 1.0f / 3, 2.0f / 3, -first, 1e-3f * first});
  }

  std::unique_ptr<Backend> backend_;
  std::unique_ptr<Stream> stream_;
  VariableStore store_;
};

TEST_P(LowCopies, FollowWhateverChangesTheirParameter) {
  store_.set(0, thirds(1));
  store_.set(2, thirds(7));
  expect_follows("set");
  store_.swap(0, 2);
  expect_follows("swap");
  store_.copy(0, 2);
  expect_follows("copy");
  store_.set_stored(0, thirds(11));
  expect_follows("set_stored");
  store_.set_range<float>(0, 1, std::vector<float>{0.3f, 0.7f});
  expect_follows("set_range");
  store_.set_scalar<float>(2, 0.1f);
  expect_follows("set_scalar");
  store_.fill(2, [](std::span<std::byte> piece) {
    const Tensor value = thirds(5);
    std::memcpy(piece.data(), value.data(), piece.size());
  });
  expect_follows("fill");
  EXPECT_NE(store_.get(3).values<float>()[0], 0.0f);
  store_.zero(2);
  expect_follows("zero");
}

TEST_P(LowCopies, AreThereForValuesThatCameBeforeTheirMemory) {
  VariableStore later(backend_->memory(), *stream_);
  const int id = later.add({"a", DType::kFloat32, {5}, {}, "first", {}});
  const int copy = later.add({"a.bf16", DType::kBFloat16, {5}, {}, "second", low_copy_of(id)});
  later.allocate([&](int ready) {
    if (ready == id) {
      later.set(id, thirds(2));
    }
  });
  EXPECT_EQ(later.get(copy).values<float>()[3], -2.0f);
}

INSTANTIATE_TEST_SUITE_P(HostAndDevice, LowCopies, testing::Bool(),
                         [](const auto& on_device) { return on_device.param ? "device" : "host"; });

}  // namespace
}  // namespace temper
