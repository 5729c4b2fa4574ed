/** An image file of one colour. */
export async function imageFile(
  color = "red",
  type = "image/png",
): Promise<Blob> {
  const canvas = solidCanvas(color);
  return new Promise((resolve, reject) =>
    canvas.toBlob((file) => {
      if (file) resolve(file);
      else reject(new Error(`no ${type}`));
    }, type),
  );
}

/** A canvas of one colour; sides in pixels. */
export function solidCanvas(color = "red", width = 8, height = 8) {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  if (!context) throw new Error("no canvas");
  context.fillStyle = color;
  context.fillRect(0, 0, width, height);
  return canvas;
}

export function solidImage(color = "red"): HTMLImageElement {
  const image = document.createElement("img");
  image.src = solidCanvas(color).toDataURL();
  return image;
}
