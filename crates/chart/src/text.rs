//! Writing, with a typeface that comes along. It has Latin, Greek and Cyrillic letters; others are boxes.

use ab_glyph::{Font, FontRef, PxScale, ScaleFont, point};
use tiny_skia::{Pixmap, PremultipliedColorU8};

pub(crate) struct Text {
    font: FontRef<'static>,
}

impl Text {
    pub(crate) fn new() -> Result<Text, String> {
        FontRef::try_from_slice(epaint_default_fonts::UBUNTU_LIGHT).map(|font| Text { font }).map_err(|err| err.to_string())
    }

    pub(crate) fn width(&self, text: &str, pixels: f32) -> f32 {
        let font = self.font.as_scaled(PxScale::from(pixels));
        text.chars().map(|letter| font.h_advance(font.glyph_id(letter))).sum()
    }

    /// From the left end of its base line.
    pub(crate) fn draw(&self, pixmap: &mut Pixmap, text: &str, left: f32, base: f32, pixels: f32, color: [u8; 3]) {
        let scale = PxScale::from(pixels);
        let font = self.font.as_scaled(scale);
        let (width, height) = (pixmap.width() as i32, pixmap.height() as i32);
        let mut at = left;
        for letter in text.chars() {
            if at > width as f32 {
                return;
            }
            let id = font.glyph_id(letter);
            let glyph = id.with_scale_and_position(scale, point(at, base));
            at += font.h_advance(id);
            let Some(outline) = self.font.outline_glyph(glyph) else { continue };
            let bounds = outline.px_bounds();
            outline.draw(|x, y, coverage| {
                let (x, y) = (bounds.min.x as i32 + x as i32, bounds.min.y as i32 + y as i32);
                if (0..width).contains(&x) && (0..height).contains(&y) {
                    let pixel = &mut pixmap.pixels_mut()[(y * width + x) as usize];
                    *pixel = over(*pixel, color, coverage.clamp(0.0, 1.0));
                }
            });
        }
    }
}

fn over(below: PremultipliedColorU8, color: [u8; 3], share: f32) -> PremultipliedColorU8 {
    let mixed = |below: u8, above: u8| (f32::from(below) * (1.0 - share) + f32::from(above) * share).round() as u8;
    let [red, green, blue] = color;
    let (red, green, blue) = (mixed(below.red(), red), mixed(below.green(), green), mixed(below.blue(), blue));
    PremultipliedColorU8::from_rgba(red, green, blue, 255).unwrap_or(below)
}
