// Bindings of the display adapter's native parts.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/shared_ptr.h>

#include <cstring>
#include <memory>

#include "bus.h"
#include "picture_scaler.h"
#include "pixels.h"
#include "vga_planes.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace bancada {
namespace {

nb::object view(uint8_t* data, size_t length, nb::handle owner) {
  nb::ndarray<nb::numpy, uint8_t, nb::ndim<1>> array(data, {length}, owner);
  return nb::steal(PyMemoryView_FromObject(nb::cast(array).ptr()));
}

template <typename Read>
nb::bytes register_file(int count, Read read) {
  char values[16];
  for (int i = 0; i < count; ++i) values[i] = static_cast<char>(read(static_cast<uint8_t>(i)));
  return nb::bytes(values, static_cast<size_t>(count));
}

void attach(const std::shared_ptr<VgaPlanes>& planes, Bus& bus) {
  bus.attach_mmio(VGA_WINDOW, VGA_WINDOW_BYTES, planes, "vga");
  bus.attach_ports(0x3C4, 2, std::make_shared<VgaIndexedPorts>(planes, VgaIndexedPorts::Unit::sequencer), 1, "vga");
  bus.attach_ports(0x3CE, 2, std::make_shared<VgaIndexedPorts>(planes, VgaIndexedPorts::Unit::graphics), 1, "vga");
}

}  // namespace
}  // namespace bancada

void bind_vga(nb::module_& module) {
  using namespace bancada;

  nb::class_<VgaPlanes>(module, "VgaPlanes")
      .def(nb::init<PhysicalMemory&, uint32_t>(), "memory"_a, "length"_a, nb::keep_alive<1, 2>())
      .def_prop_ro_static("TEXT_BUFFER_BYTES", [](nb::handle) { return VgaPlanes::TEXT_BUFFER_BYTES; })
      .def("attach", &attach, "bus"_a)
      .def_prop_ro("offset", &VgaPlanes::offset)
      .def_prop_ro("length", &VgaPlanes::bytes)
      .def_prop_ro("memory",
                   [](nb::handle self) {
                     auto& planes = nb::cast<VgaPlanes&>(self);
                     planes.fold_text();
                     return view(planes.vram(), planes.bytes(), self);
                   })
      .def_prop_rw("sequencer_index", &VgaPlanes::sequencer_index, &VgaPlanes::set_sequencer_index)
      .def_prop_rw("graphics_index", &VgaPlanes::graphics_index, &VgaPlanes::set_graphics_index)
      .def_prop_ro("sequencer",
                   [](const VgaPlanes& p) { return register_file(8, [&](uint8_t i) { return p.read_sequencer(i); }); })
      .def_prop_ro("graphics",
                   [](const VgaPlanes& p) { return register_file(16, [&](uint8_t i) { return p.read_graphics(i); }); })
      .def("write_sequencer", &VgaPlanes::write_sequencer, "index"_a, "value"_a)
      .def("write_graphics", &VgaPlanes::write_graphics, "index"_a, "value"_a)
      .def_prop_rw("latches", &VgaPlanes::latches, &VgaPlanes::set_latches)
      .def("set_bank", &VgaPlanes::set_bank, "linear"_a, "bank"_a)
      .def("allow_text_window", &VgaPlanes::allow_text_window, "allowed"_a)
      .def("take_registers_changed", &VgaPlanes::take_registers_changed)
      .def("mark_all_dirty", &VgaPlanes::mark_all_dirty)
      .def("mark_dirty", &VgaPlanes::mark_dirty, "offset"_a, "length"_a)
      .def("clear", &VgaPlanes::clear)
      .def(
          "load",
          [](VgaPlanes& planes, const nb::bytes& contents) {
            if (contents.size() != planes.bytes()) throw nb::value_error("the saved video memory has another size");
            planes.load(static_cast<const uint8_t*>(contents.data()));
          },
          "contents"_a);

  nb::enum_<PixelFormat>(module, "PixelFormat")
      .value("BLANK", PixelFormat::blank)
      .value("TEXT", PixelFormat::text)
      .value("PLANAR", PixelFormat::planar)
      .value("CGA", PixelFormat::cga)
      .value("PACKED", PixelFormat::packed)
      .value("INDEXED8", PixelFormat::indexed8)
      .value("RGB555", PixelFormat::rgb555)
      .value("RGB565", PixelFormat::rgb565)
      .value("RGB888", PixelFormat::rgb888)
      .value("XRGB8888", PixelFormat::xrgb8888);

  nb::class_<Picture>(module, "Picture")
      .def(nb::init<>())
      .def_rw("format", &Picture::format)
      .def_rw("width", &Picture::width)
      .def_rw("height", &Picture::height)
      .def_rw("start", &Picture::start)
      .def_rw("row_addresses", &Picture::row_addresses)
      .def_rw("row_lines", &Picture::row_lines)
      .def_rw("first_line", &Picture::first_line)
      .def_rw("panning", &Picture::panning)
      .def_rw("split_line", &Picture::split_line)
      .def_rw("split_panning", &Picture::split_panning)
      .def_rw("word_mode", &Picture::word_mode)
      .def_rw("wrap_bit", &Picture::wrap_bit)
      .def_rw("bank_lines", &Picture::bank_lines)
      .def_rw("plane_mask", &Picture::plane_mask)
      .def_rw("cell_width", &Picture::cell_width)
      .def_rw("font_a", &Picture::font_a)
      .def_rw("font_b", &Picture::font_b)
      .def_rw("line_graphics", &Picture::line_graphics)
      .def_rw("blink", &Picture::blink)
      .def_rw("underline_line", &Picture::underline_line)
      .def_rw("cursor_address", &Picture::cursor_address)
      .def_rw("cursor_first", &Picture::cursor_first)
      .def_rw("cursor_last", &Picture::cursor_last)
      .def_rw("origin", &Picture::origin)
      .def_rw("pitch", &Picture::pitch)
      .def_prop_rw(
          "palette",
          [](const Picture& picture) {
            return nb::bytes(reinterpret_cast<const char*>(picture.palette.data()), sizeof picture.palette);
          },
          [](Picture& picture, const nb::bytes& colours) {
            if (colours.size() != sizeof picture.palette) throw nb::value_error("a palette has 256 colours of 4 bytes");
            std::memcpy(picture.palette.data(), colours.data(), colours.size());
          })
      .def(
          "__eq__", [](const Picture& a, const Picture& b) { return a == b; }, nb::is_operator());

  nb::class_<PixelConverter>(module, "PixelConverter")
      .def(nb::init<VgaPlanes&>(), "planes"_a, nb::keep_alive<1, 2>())
      .def_prop_ro_static("MAX_WIDTH", [](nb::handle) { return PixelConverter::MAX_WIDTH; })
      .def_prop_ro_static("MAX_HEIGHT", [](nb::handle) { return PixelConverter::MAX_HEIGHT; })
      .def("set_picture", &PixelConverter::set_picture, "picture"_a)
      .def_prop_ro("picture", &PixelConverter::picture, nb::rv_policy::copy)
      .def("redraw", &PixelConverter::redraw)
      .def_prop_ro("picture_is_in_memory", &PixelConverter::is_picture_in_memory)
      .def("set_in_place", &PixelConverter::set_in_place, "in_place"_a)
      .def("convert", &PixelConverter::convert, "cursor_visible"_a, "blink_visible"_a,
           nb::call_guard<nb::gil_scoped_release>())
      .def_prop_ro("surface",
                   [](nb::handle self) {
                     return view(nb::cast<PixelConverter&>(self).surface(), PixelConverter::SURFACE_BYTES, self);
                   })
      .def("text_cells",
           [](PixelConverter& converter) {
             const std::vector<uint8_t> cells = converter.text_cells();
             return nb::bytes(reinterpret_cast<const char*>(cells.data()), cells.size());
           })
      .def("cursor", &PixelConverter::cursor);

  using Pixels = nb::ndarray<uint8_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
  using ConstantPixels = nb::ndarray<const uint8_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
  nb::class_<PictureScaler>(module, "PictureScaler")
      .def(
          "__init__",
          [](PictureScaler* scaler, int width, int height, int target_width, int target_height, bool sharp) {
            constexpr int LARGEST = 1 << 14;
            for (const int length : {width, height, target_width, target_height}) {
              if (length < 1 || length > LARGEST) throw nb::value_error("a picture's side is 1 to 16384 pixels");
            }
            new (scaler) PictureScaler(width, height, target_width, target_height, sharp);
          },
          "width"_a, "height"_a, "target_width"_a, "target_height"_a, "sharp"_a = false)
      .def("target_rows", &PictureScaler::target_rows, "first"_a, "last"_a)
      .def(
          "draw",
          [](PictureScaler& scaler, const ConstantPixels& picture, size_t stride, const Pixels& target,
             size_t target_stride, int first, int last) {
            const auto fits = [](size_t length, size_t row, int width, int height) {
              const size_t used = static_cast<size_t>(width) * 4;
              return row >= used && length >= used && (length - used) / row >= static_cast<size_t>(height - 1);
            };
            if (!fits(picture.size(), stride, scaler.width(), scaler.height()) ||
                !fits(target.size(), target_stride, scaler.target_width(), scaler.target_height())) {
              throw nb::value_error("the picture or the target is smaller than the scaler's sizes");
            }
            nb::gil_scoped_release unlocked;
            scaler.draw(picture.data(), stride, target.data(), target_stride, first, last);
          },
          "picture"_a, "stride"_a, "target"_a, "target_stride"_a, "first"_a, "last"_a);
}
