// PNG through libpng. Its errors leave by longjmp, so what they jump over holds no objects with
// destructors: the library's state and the message lie in PngReader, whose destructor frees both.
#include <png.h>

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "runtime/base/error.h"
#include "training/formats/image_codecs.h"

namespace temper::training {
namespace {

constexpr png_uint_32 kMostSide = 1'000'000;           // libpng's own limit of each side
constexpr png_alloc_size_t kMostChunkBytes = 8 << 20;  // of texts and colour profiles

class PngReader {
 public:
  explicit PngReader(std::span<const std::byte> bytes) : rest_(bytes) {
    state_ = png_create_read_struct(
        PNG_LIBPNG_VER_STRING, this,
        [](png_structp state, png_const_charp text) { of(state).leave(text); },
        [](png_structp, png_const_charp) {});
    info_ = state_ == nullptr ? nullptr : png_create_info_struct(state_);
  }
  ~PngReader() { png_destroy_read_struct(&state_, &info_, nullptr); }
  PngReader(const PngReader&) = delete;
  PngReader& operator=(const PngReader&) = delete;

  bool made() const { return info_ != nullptr; }

  // Each false: see message().
  bool read_header(bool keep_grey) {
    if (setjmp(png_jmpbuf(state_)) != 0) {
      return false;
    }
    png_set_read_fn(state_, this, [](png_structp state, png_bytep to, std::size_t bytes) {
      static_cast<PngReader*>(png_get_io_ptr(state))->take(to, bytes);
    });
    png_set_user_limits(state_, kMostSide, kMostSide);
    png_set_chunk_malloc_max(state_, kMostChunkBytes);
    png_set_crc_action(state_, PNG_CRC_ERROR_QUIT, PNG_CRC_WARN_DISCARD);
    png_read_info(state_, info_);
    const int colour = png_get_color_type(state_, info_);
    if (colour == PNG_COLOR_TYPE_GRAY && !keep_grey) {
      png_set_expand_gray_1_2_4_to_8(state_);
    }
    png_set_packing(state_);
    png_set_strip_16(state_);
    passes_ = png_set_interlace_handling(state_);
    kind_ = colour == PNG_COLOR_TYPE_PALETTE      ? PixelKind::kPalette
            : colour == PNG_COLOR_TYPE_GRAY       ? PixelKind::kGrey
            : colour == PNG_COLOR_TYPE_GRAY_ALPHA ? PixelKind::kGreyAlpha
            : colour == PNG_COLOR_TYPE_RGB        ? PixelKind::kRgb
                                                  : PixelKind::kRgba;
    return true;
  }

  bool read_pixels(std::uint8_t* pixels, std::size_t row_bytes, std::int64_t rows) {
    if (setjmp(png_jmpbuf(state_)) != 0) {
      return false;
    }
    png_read_update_info(state_, info_);
    if (png_get_rowbytes(state_, info_) != row_bytes) {
      leave("a row has another size than its header says");
    }
    for (int pass = 0; pass < passes_; ++pass) {
      for (std::int64_t row = 0; row < rows; ++row) {
        png_read_row(state_, pixels + static_cast<std::size_t>(row) * row_bytes, nullptr);
      }
    }
    png_read_end(state_, nullptr);
    return true;
  }

  PixelKind kind() const { return kind_; }
  int bits() const { return png_get_bit_depth(state_, info_); }
  std::int64_t height() const { return png_get_image_height(state_, info_); }
  std::int64_t width() const { return png_get_image_width(state_, info_); }
  std::int64_t samples() const { return png_get_channels(state_, info_); }
  const char* message() const { return message_; }

  void copy_palette(std::vector<std::array<std::uint8_t, 3>>& to) const {
    png_colorp colours = nullptr;
    int count = 0;
    if (png_get_PLTE(state_, info_, &colours, &count) != 0) {
      for (int i = 0; i < count; ++i) {
        to.push_back({colours[i].red, colours[i].green, colours[i].blue});
      }
    }
  }

 private:
  static PngReader& of(png_structp state) {
    return *static_cast<PngReader*>(png_get_error_ptr(state));
  }

  [[noreturn]] void leave(const char* text) {
    std::snprintf(message_, sizeof message_, "%s", text);
    png_longjmp(state_, 1);
  }

  void take(png_bytep to, std::size_t bytes) {
    if (bytes > rest_.size()) {
      leave("the file ends too early. Is it cut off?");
    }
    std::memcpy(to, rest_.data(), bytes);
    rest_ = rest_.subspan(bytes);
  }

  std::span<const std::byte> rest_;
  png_structp state_ = nullptr;
  png_infop info_ = nullptr;
  int passes_ = 1;
  PixelKind kind_ = PixelKind::kGrey;
  char message_[200] = {};
};

}  // namespace

StoredPicture read_png(std::span<const std::byte> bytes, bool keep_grey, std::string_view where) {
  PngReader reader(bytes);
  TEMPER_CHECK(reader.made(), ErrorCode::kOutOfMemory, "no memory to begin reading ", where);
  const auto check = [&](bool done) {
    TEMPER_CHECK(done, ErrorCode::kInvalidData, where,
                 " cannot be read as a PNG picture: ", reader.message());
  };
  check(reader.read_header(keep_grey));
  StoredPicture stored;
  stored.kind = reader.kind();
  stored.bits = reader.bits();
  set_size(stored.picture, reader.height(), reader.width(), reader.samples(), where);
  check(reader.read_pixels(stored.picture.pixels.data(), stored.picture.row_bytes(),
                           stored.picture.height));
  if (stored.kind == PixelKind::kPalette) {
    reader.copy_palette(stored.palette);
  }
  return stored;
}

}  // namespace temper::training
