// The renderer of pictures. The build leaves it out of the bundles of functions without the capability chat.pictures, which cannot
// draw and leave pictures to those that can (shared/local/build.ts): keep its one export.
import { pictureRenderer } from '../adapters/picture/picture.ts';
import type { Picture } from '../ports/picture.ts';

export function picturesOf(): Picture | undefined {
  return pictureRenderer();
}
