//! How a page looks, and how it looked.

use model::canary::{Visual, VisualReference};

use crate::recorder::Recorder;

/// How different a pixel's colours may be, of 255, before it counts: what antialiasing differs by is no change.
const TOLERANCE: u8 = 24;

struct Picture {
    width: u32,
    height: u32,
    /// Four bytes a pixel.
    pixels: Vec<u8>,
}

impl Picture {
    fn pixel(&self, x: u32, y: u32) -> Option<&[u8]> {
        let at = (y as usize * self.width as usize + x as usize) * 4;
        (x < self.width && y < self.height).then(|| self.pixels.get(at..at + 4)).flatten()
    }
}

/// A screenshot's name without what stands around it.
fn bare(name: &str) -> &str {
    let name = name.strip_suffix(".png").unwrap_or(name);
    name.strip_suffix("-succeeded").or_else(|| name.strip_suffix("-failed")).unwrap_or(name)
}

/// Compares a screenshot with that of the base run. None where there is nothing to compare with yet.
pub(crate) async fn compare(
    recorder: &Recorder<'_>,
    name: &str,
    picture: &[u8],
    allowed: f64,
) -> Result<Option<(Visual, Option<String>)>, String> {
    let Some((folder, reference)) = recorder.visual() else {
        recorder.journal.info(format!("{name}: there is no baseline; set one with VisualReferences"));
        return Ok(None);
    };
    let mut base = None;
    for ending in ["-succeeded.png", "-failed.png"] {
        base = tokio::fs::read(folder.join(format!("{name}{ending}"))).await.ok().or(base);
    }
    let Some(base) = base else {
        recorder.journal.info(format!("{name}: the base run has no such screenshot"));
        return Ok(None);
    };
    let current = picture.to_vec();
    let ignored = boxes(reference, name);
    let before = base.clone();
    let compared = tokio::task::spawn_blocking(move || difference(&before, &current, &ignored)).await;
    let (changed, shown) = compared.map_err(|err| err.to_string())??;
    let (baseline, different) = (format!("{name}-baseline.png"), format!("{name}-difference.png"));
    let kept = recorder.keep(&baseline, &base).await;
    let shown = recorder.keep(&different, &shown).await;
    let changed_percent = (changed * 100.0).round() / 100.0;
    let is_other = changed_percent > allowed;
    let error = is_other.then(|| format!("it looks {changed_percent} % different from its baseline; {allowed} % are allowed"));
    let ending = if is_other { "failed" } else { "succeeded" };
    let visual = Visual {
        baseline: kept.then_some(baseline),
        current: format!("{name}-{ending}.png"),
        difference: shown.then_some(different),
        changed_percent,
        allowed_percent: allowed,
    };
    Ok(Some((visual, error)))
}

/// Boxes of a screenshot that do not count: left, top, width and height.
fn boxes(reference: &VisualReference, name: &str) -> Vec<[f64; 4]> {
    let of = reference.ignored.iter().filter(|(known, _)| bare(known) == bare(name)).flat_map(|(_, boxes)| boxes);
    of.filter_map(|text| ignored_box(text).ok()).collect()
}

/// A box as it is written: `left,top,width,height`.
pub fn ignored_box(text: &str) -> Result<[f64; 4], String> {
    let parts: Option<Vec<f64>> = text.split(',').map(|part| part.trim().parse().ok().filter(|n: &f64| n.is_finite())).collect();
    let numbers = parts.and_then(|parts| <[f64; 4]>::try_from(parts).ok());
    numbers.ok_or_else(|| format!("{text:?} must be four numbers: left,top,width,height"))
}

fn decode(bytes: &[u8]) -> Result<Picture, String> {
    let failed = |err: png::DecodingError| format!("a screenshot cannot be read: {err}");
    let mut decoder = png::Decoder::new(bytes);
    decoder.set_transformations(png::Transformations::normalize_to_color8() | png::Transformations::ALPHA);
    let mut reader = decoder.read_info().map_err(failed)?;
    let mut pixels = vec![0; reader.output_buffer_size()];
    let info = reader.next_frame(&mut pixels).map_err(failed)?;
    pixels.truncate(info.buffer_size());
    if info.color_type != png::ColorType::Rgba {
        return Err("a screenshot is not in colour".to_owned());
    }
    Ok(Picture { width: info.width, height: info.height, pixels })
}

/// The share of pixels that are different, in percent, and a picture that shows where.
fn difference(before: &[u8], after: &[u8], ignored: &[[f64; 4]]) -> Result<(f64, Vec<u8>), String> {
    let (before, after) = (decode(before)?, decode(after)?);
    let (width, height) = (before.width.max(after.width), before.height.max(after.height));
    let (mut counted, mut changed) = (0_u64, 0_u64);
    let mut shown = Vec::with_capacity(width as usize * height as usize * 4);
    for y in 0..height {
        for x in 0..width {
            let is_ignored = ignored.iter().any(|[left, top, wide, high]| {
                let (x, y) = (f64::from(x), f64::from(y));
                x >= *left && x < left + wide && y >= *top && y < top + high
            });
            let now = after.pixel(x, y);
            let gray = now.map_or(255, |pixel| ((u32::from(pixel[0]) + u32::from(pixel[1]) + u32::from(pixel[2])) / 3) as u8);
            // Pale, so that what changed stands out.
            let pale = 255 - (255 - gray) / 4;
            if is_ignored {
                shown.extend_from_slice(&[pale, pale, 255, 255]);
                continue;
            }
            counted += 1;
            let is_same = match (before.pixel(x, y), now) {
                (Some(a), Some(b)) => a.iter().zip(b).all(|(a, b)| a.abs_diff(*b) <= TOLERANCE),
                (a, b) => a.is_none() && b.is_none(),
            };
            if is_same {
                shown.extend_from_slice(&[pale, pale, pale, 255]);
            } else {
                changed += 1;
                shown.extend_from_slice(&[220, 30, 60, 255]);
            }
        }
    }
    let share = if counted == 0 { 0.0 } else { changed as f64 * 100.0 / counted as f64 };
    Ok((share, encode(width, height, &shown)?))
}

fn encode(width: u32, height: u32, pixels: &[u8]) -> Result<Vec<u8>, String> {
    let failed = |err: png::EncodingError| format!("a picture cannot be written: {err}");
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.write_header().map_err(failed)?.write_image_data(pixels).map_err(failed)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(width: u32, height: u32, dark: &[(u32, u32)]) -> Vec<u8> {
        let mut pixels = Vec::new();
        for y in 0..height {
            for x in 0..width {
                let value = if dark.contains(&(x, y)) { 0 } else { 250 };
                pixels.extend_from_slice(&[value, value, value, 255]);
            }
        }
        encode(width, height, &pixels).unwrap()
    }

    #[test]
    fn pixels_that_changed_are_counted() {
        let before = picture(10, 10, &[]);
        assert_eq!(difference(&before, &before, &[]).unwrap().0, 0.0);
        let after = picture(10, 10, &[(1, 1), (9, 9)]);
        assert_eq!(difference(&before, &after, &[]).unwrap().0, 2.0);
        let without_corner = difference(&before, &after, &[[9.0, 9.0, 1.0, 1.0]]).unwrap().0;
        assert!((without_corner - 100.0 / 99.0).abs() < 1e-9);
        let (share, shown) = difference(&before, &picture(10, 20, &[]), &[]).unwrap();
        assert_eq!(share, 50.0);
        assert_eq!(decode(&shown).unwrap().height, 20);
    }

    #[test]
    fn screenshots_are_the_same_however_their_run_ended() {
        assert_eq!(bare("01-home-succeeded.png"), "01-home");
        assert_eq!(bare("01-home.png"), "01-home");
    }
}
