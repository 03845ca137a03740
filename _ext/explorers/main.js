// Tell the browser what the elements are.

import { ConvolutionExplorer } from "./convolution.js";
import { GradientExplorer } from "./gradient.js";
import { PoolingExplorer } from "./pooling.js";
import { ReceptiveFieldExplorer } from "./receptive-field.js";

customElements.define("convolution-explorer", ConvolutionExplorer);
customElements.define("gradient-explorer", GradientExplorer);
customElements.define("pooling-explorer", PoolingExplorer);
customElements.define("receptive-field-explorer", ReceptiveFieldExplorer);
