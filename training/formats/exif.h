// How a picture file says it is to be held: the EXIF orientation that cameras write.
#pragma once

#include <cstddef>
#include <span>

#include "training/formats/image_file.h"

namespace temper::training {

// 1 to 8 of a JPEG (APP1) or PNG (eXIf) file, 1 being upright; 1 also where there is none or where
// it is damaged, as Pillow has it. THROWS: nothing.
int exif_orientation(std::span<const std::byte> file);

// The picture as the orientation says it is seen (PIL.ImageOps.exif_transpose): 2 mirrored, 3
// turned by 180 degrees, 4 upside down, 5 transposed, 6 turned clockwise, 7 transversed, 8
// counter-clockwise.
Picture upright(Picture stored, int orientation);

}  // namespace temper::training
