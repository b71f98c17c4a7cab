// A contact sheet: small pictures in a grid with captions, as PNG. What a model sees, what a
// generator draws.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tools/charts/figure.h"

namespace temper::charts {

struct Picture {
  int height = 0;
  int width = 0;
  int channels = 1;                  // 1: grey, 3: red, green, blue
  std::vector<std::uint8_t> pixels;  // [height, width, channels]
  std::string caption = {};          // below the picture; line feeds start a new line
};

struct PictureSheet {
  std::string title;  // none: no room is kept for it
  std::vector<Picture> pictures;
  int columns = 0;  // 0: as many as make the sheet about as wide as it is high
  int scale = 0;    // pixels per pixel; 0: small pictures are enlarged to at least 96 pixels
};

// Pixels are enlarged as squares, never smoothed: the sheet shows what the data are. Cells are as
// large as the largest picture. Equal sheets give equal bytes.
// THROWS: kIo when the file cannot be written; kInternal when a picture's pixels do not match its
// size, there is no picture, or the sheet is larger than 32,000 pixels.
void write_picture_sheet(const PictureSheet& sheet, const std::string& png_path);
Png picture_sheet_png(const PictureSheet& sheet);

}  // namespace temper::charts
