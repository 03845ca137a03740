// Tell the browser what the elements are.

import { ConvolutionExplorer } from "./convolution.js";

customElements.define("convolution-explorer", ConvolutionExplorer);
