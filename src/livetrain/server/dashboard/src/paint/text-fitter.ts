/** Cuts a text to a width, with an ellipsis; remembers, because the same labels come sixty times a second. */
const REMEMBERED = 2000;

export class TextFitter {
  private readonly fitted = new Map<string, string>();

  fit(context: OffscreenCanvasRenderingContext2D, text: string, width: number): string {
    const key = `${context.font}|${Math.round(width)}|${text}`;
    const known = this.fitted.get(key);
    if (known !== undefined) return known;
    if (this.fitted.size > REMEMBERED) this.fitted.clear();
    const fits = this.cut(context, text, width);
    this.fitted.set(key, fits);
    return fits;
  }

  private cut(context: OffscreenCanvasRenderingContext2D, text: string, width: number): string {
    if (context.measureText(text).width <= width) return text;
    let low = 0;
    let high = text.length;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (context.measureText(`${text.slice(0, middle)}…`).width <= width) low = middle;
      else high = middle - 1;
    }
    return low === 0 ? '' : `${text.slice(0, low).trimEnd()}…`;
  }
}
